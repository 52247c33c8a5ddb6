package probe

import (
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// How far below the home mailboxes are looked for: in folders that are called
// something like mail, and in others; and in how many folders at most.
const (
	mailDepth   = 4
	otherDepth  = 2
	mostFolders = 20_000
)

// hiddenRoots are the hidden places where mail is kept by custom.
var hiddenRoots = []string{".maildir", ".Maildir", ".mail", ".Mail", ".local/share/mail"}

// Survey finds the mailboxes below home and tells of each what [Look] does, and
// how much is in it. It ends early only with ctx.
func Survey(ctx context.Context, home string) (*Answer, error) {
	roots, err := roots(ctx, home)
	if err != nil {
		return nil, err
	}
	a, err := Look(ctx, home, roots)
	if err != nil {
		return nil, err
	}
	for i := range a.Mailboxes {
		m := &a.Mailboxes[i]
		// A folder that can't be read is told of; how much mail there is then is not.
		if volumes, err := measure(ctx, home, m.Name); err == nil {
			m.Volumes = volumes
		} else if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	if free, err := FreeBytes(home); err == nil {
		a.Free = &free
	}
	return a, nil
}

// Whole is how much mail is in all folders, of a [Survey].
func (m Mailbox) Whole() Volume {
	return (&Answer{Mailboxes: []Mailbox{m}}).Volume(func(string) bool { return false })
}

// roots are the mailbox roots below home: of each folder of the home the one that
// has all Maildirs in it.
func roots(ctx context.Context, home string) ([]string, error) {
	entries, err := os.ReadDir(home)
	if err != nil {
		return nil, err
	}
	tops := slices.Clone(hiddenRoots)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			tops = append(tops, e.Name())
		}
	}
	f := &finder{home: home, left: mostFolders}
	var found []string
	for _, top := range tops {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		depth := otherDepth
		if strings.Contains(strings.ToLower(top), "mail") {
			depth = mailDepth
		}
		if st, err := os.Stat(filepath.Join(home, top)); err != nil || !st.IsDir() { // also through a link
			continue
		}
		f.maildirs = nil
		f.walk(ctx, top, depth)
		if root := commonRoot(f.maildirs); root != "" {
			found = append(found, root)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

type finder struct {
	home     string
	left     int
	maildirs []string
}

func (f *finder) walk(ctx context.Context, dir string, depth int) {
	f.left--
	if f.left < 0 || ctx.Err() != nil {
		return
	}
	entries, err := os.ReadDir(filepath.Join(f.home, dir))
	if err != nil {
		return // what can't be read is no mailbox of this user's
	}
	isDir := func(name string) bool {
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name && e.IsDir() })
	}
	if isDir("cur") && isDir("new") {
		f.maildirs = append(f.maildirs, dir)
		return
	}
	if depth == 1 {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			f.walk(ctx, path.Join(dir, e.Name()), depth-1)
		}
	}
}

// commonRoot is the folder that has all maildirs in it; a lone inbox is in a
// mailbox that has no other folders yet.
func commonRoot(maildirs []string) string {
	if len(maildirs) == 0 {
		return ""
	}
	root := maildirs[0]
	for _, m := range maildirs[1:] {
		for root != "." && m != root && !strings.HasPrefix(m, root+"/") {
			root = path.Dir(root)
		}
	}
	if len(maildirs) == 1 && strings.EqualFold(path.Base(root), "inbox") && path.Dir(root) != "." {
		root = path.Dir(root)
	}
	return root
}
