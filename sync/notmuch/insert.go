package notmuch

import (
	"bytes"
	"context"
	_ "embed" // the indexing program
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// indexer is a program for Python's standard library that calls libnotmuch, the
// library notmuch itself is made of: no command of notmuch's indexes a file by
// name, and a static program can't load a library.
//
//go:embed insert.py
var indexer string

// cannotInsert is the indexer's exit status where libnotmuch can't be used, or
// the database is not ready for it.
const cannotInsert = 3

// errCannotInsert says that files can't be named to notmuch here.
var errCannotInsert = errors.New("files can't be named to notmuch here")

// insert has files indexed, or forgotten where they are gone, and runs notmuch's
// hook for it.
func (u *update) insert(ctx context.Context, files touched) error {
	python, err := exec.LookPath("python3")
	if err != nil {
		return fmt.Errorf("%w: %w", errCannotInsert, err)
	}
	s, err := newSettings(func(key string) ([]string, error) { return u.get(ctx, key) })
	if err != nil {
		return fmt.Errorf("%w: %w", errCannotInsert, err)
	}
	files = s.within(files)
	if len(files) == 0 {
		return nil
	}
	flags := "tags"
	if s.sync {
		flags = "flags"
	}
	// Isolated: nothing of the person's own Python has a part in it.
	args := append([]string{"-I", "-S", "-c", indexer, s.root, flags}, s.tags...)
	var exit *exec.ExitError
	switch err := u.program(ctx, files.list(), python, args...); {
	case errors.As(err, &exit) && exit.ExitCode() == cannotInsert:
		return errCannotInsert
	case errors.As(err, &exit):
		return fmt.Errorf("index messages: %w", exit) // without the program's text
	case err != nil:
		return err
	}
	for _, hook := range []string{"post-insert", "post-new"} {
		path := filepath.Join(s.hooks, hook)
		if _, err := os.Stat(path); err == nil {
			return u.program(ctx, nil, path)
		}
	}
	return nil
}

// get returns the values of a key of notmuch's configuration.
func (u *update) get(ctx context.Context, key string) ([]string, error) {
	var values bytes.Buffer
	said := *u
	said.out = &values
	if err := said.program(ctx, nil, "notmuch", "config", "get", key); err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(values.String()))
	}
	return strings.FieldsFunc(values.String(), func(r rune) bool { return r == '\n' }), nil
}
