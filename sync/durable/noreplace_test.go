package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"smd-applet/sync/durable"
)

func openRoot(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// box is a root with a message at cur/1 and other things that may be in the way,
// and a directory beside it.
func box(t *testing.T) (root *os.Root, dir string) {
	t.Helper()
	above := t.TempDir()
	dir = filepath.Join(above, "root")
	for _, d := range []string{"cur/dir", "new"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(above, "beside"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "cur/1"), "one")
	write(t, filepath.Join(dir, "cur/2"), "two")
	write(t, filepath.Join(above, "beside/3"), "three")
	for from, to := range map[string]string{"cur/link": "2", "cur/dangling": "nowhere", "out": "../beside", "in": "new"} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	return openRoot(t, dir), dir
}

func TestRenameNoReplace(t *testing.T) {
	t.Parallel()
	for to, at := range map[string]string{"cur/9": "cur/9", "new/1": "new/1", "1": "1", "in/1": "new/1"} {
		root, dir := box(t)
		if err := durable.RenameNoReplace(root, "cur/1", to); err != nil {
			t.Errorf("to %s: %v", to, err)
			continue
		}
		if got := read(t, filepath.Join(dir, at)); got != "one" {
			t.Errorf("%s has %q", at, got)
		}
		if _, err := os.Lstat(filepath.Join(dir, "cur/1")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("to %s: the old name: %v", to, err)
		}
	}
}

func TestRenameNoReplaceRefuses(t *testing.T) {
	t.Parallel()
	whatever := errors.New("any error")
	for _, c := range []struct {
		from, to string
		want     error
	}{
		{"cur/1", "cur/2", fs.ErrExist},
		{"cur/1", "cur/dir", fs.ErrExist},
		{"cur/1", "cur/link", fs.ErrExist},
		{"cur/1", "cur/dangling", fs.ErrExist},
		{"cur/1", "cur/1", fs.ErrExist},
		{"cur/none", "cur/9", fs.ErrNotExist},
		{"cur/1", "none/1", fs.ErrNotExist},
		{"none/1", "cur/9", fs.ErrNotExist},
		// Neither end of a rename leaves the root.
		{"cur/1", "../beside/1", whatever},
		{"cur/1", "out/1", whatever},
		{"cur/1", "..", whatever},
		{"cur/1", "cur/..", whatever},
		{"../beside/3", "cur/3", whatever},
		{"out/3", "cur/3", whatever},
		{"cur/1", "/1", whatever},
		{"cur/1", "", whatever},
		{"", "cur/9", whatever},
	} {
		root, dir := box(t)
		err := durable.RenameNoReplace(root, c.from, c.to)
		if err == nil || c.want != whatever && !errors.Is(err, c.want) {
			t.Errorf("%q to %q: %v, want %v", c.from, c.to, err, c.want)
		}
		for file, want := range map[string]string{"cur/1": "one", "cur/2": "two", "../beside/3": "three"} {
			if got := read(t, filepath.Join(dir, file)); got != want {
				t.Errorf("%q to %q: %s has %q", c.from, c.to, file, got)
			}
		}
		if left := names(t, filepath.Join(dir, "../beside")); len(left) != 1 {
			t.Errorf("%q to %q: outside there is %q", c.from, c.to, left)
		}
	}
}

// Of several that take the same name at once, one gets it and none is lost.
func TestRenameNoReplaceRace(t *testing.T) {
	t.Parallel()
	root, dir := box(t)
	var won, lost [8]bool
	var g errgroup.Group
	for i := range won {
		from := "new/" + string(rune('a'+i))
		write(t, filepath.Join(dir, from), from)
		g.Go(func() error {
			err := durable.RenameNoReplace(root, from, "cur/9")
			won[i], lost[i] = err == nil, errors.Is(err, fs.ErrExist)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	winners := 0
	for i := range won {
		from := "new/" + string(rune('a'+i))
		switch {
		case won[i]:
			winners++
			if got := read(t, filepath.Join(dir, "cur/9")); got != from {
				t.Errorf("%s won, but there is %q", from, got)
			}
		case !lost[i] || read(t, filepath.Join(dir, from)) != from:
			t.Errorf("%s neither won nor stayed", from)
		}
	}
	if winners != 1 {
		t.Errorf("%d got the name", winners)
	}
}
