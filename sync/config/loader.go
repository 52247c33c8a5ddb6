package config

import (
	"context"
	"io/fs"
	"os"
	"slices"
	stdsync "sync"
	"time"

	"mvdan.cc/sh/v3/syntax"
)

// Loader loads configurations as [Load] does, again and again: one that says the same
// whenever it is evaluated is read again when its file has changed. The zero Loader is
// ready; what it returns is shared and must not be changed.
type Loader struct {
	mu    stdsync.Mutex
	known map[string]loaded
}

// loaded is what a file said.
type loaded struct {
	endpoint *Endpoint
	file     fs.FileInfo
}

// settled is how old a file must be for its times to tell of every later change: a
// file system may count in seconds.
const settled = 3 * time.Second

// Load is [Load].
func (l *Loader) Load(ctx context.Context, p Paths, endpoint string) (*Endpoint, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, err := os.Stat(p.Config(endpoint))
	if known, ok := l.known[endpoint]; ok && err == nil && unchanged(known.file, before) {
		if _, err := os.Stat(p.LogDir()); err == nil {
			return known.endpoint, nil
		}
	}
	delete(l.known, endpoint)
	began := time.Now()
	e, same, loadErr := load(ctx, p, endpoint)
	if loadErr == nil && err == nil && same && began.Sub(before.ModTime()) > settled {
		if l.known == nil {
			l.known = make(map[string]loaded)
		}
		l.known[endpoint] = loaded{e, before}
	}
	return e, loadErr
}

func unchanged(was, is fs.FileInfo) bool {
	return os.SameFile(was, is) && was.Size() == is.Size() && was.ModTime().Equal(is.ModTime())
}

// constant reports whether a script only sets variables, to what it says itself or
// to what does not change while this process lives.
func constant(script *syntax.File) bool {
	is := true
	syntax.Walk(script, func(n syntax.Node) bool {
		switch n := n.(type) {
		case nil, *syntax.File, *syntax.Stmt, *syntax.Comment, *syntax.Assign, *syntax.Word, *syntax.Lit, *syntax.SglQuoted, *syntax.DblQuoted:
		case *syntax.CallExpr:
			is = is && len(n.Args) == 0
		case *syntax.ParamExp:
			is = is && n.Param != nil && !n.Excl && (n.Param.Value == "HOME" || slices.Contains(settings, n.Param.Value))
		default:
			is = false
		}
		return is
	})
	return is
}
