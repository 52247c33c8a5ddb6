package durable_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"smd-applet/sync/durable"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// names are the entries of a directory, sorted.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, c := range []struct {
		content string
		perm    fs.FileMode
	}{
		{"new", 0o600}, {"longer than before", 0o640}, {"", 0o600}, {"world", 0o666}, {"last", 0o400},
	} {
		if err := durable.WriteFile(path, c.perm, text(c.content)); err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); got != c.content || st.Mode().Perm() != c.perm {
			t.Errorf("%q with mode %v, want %q with %v whatever the umask", got, st.Mode().Perm(), c.content, c.perm)
		}
		if got := names(t, dir); !slices.Equal(got, []string{"file"}) {
			t.Errorf("%q besides the file", got)
		}
	}
}

// A write that fails half way leaves the old content, or none, and no litter.
func TestWriteFileFails(t *testing.T) {
	t.Parallel()
	full := errors.New("no space")
	half := func(w io.Writer) error {
		_, err := io.WriteString(w, "half")
		return errors.Join(err, full)
	}
	for name, before := range map[string][]string{"no file before": nil, "a file before": {"file"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			for range before {
				write(t, path, "old")
			}
			if err := durable.WriteFile(path, 0o600, half); !errors.Is(err, full) {
				t.Errorf("got %v", err)
			}
			if got := names(t, dir); !slices.Equal(got, before) {
				t.Errorf("left %q, want %q", got, before)
			}
			if before != nil && read(t, path) != "old" {
				t.Errorf("the content is %q", read(t, path))
			}
		})
	}
	t.Run("a directory is in the way", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := durable.WriteFile(path, 0o600, text("x")); err == nil {
			t.Error("want an error")
		}
		if got := names(t, dir); !slices.Equal(got, []string{"file"}) {
			t.Errorf("left %q", got)
		}
	})
	t.Run("no such directory", func(t *testing.T) {
		t.Parallel()
		called := false
		err := durable.WriteFile(filepath.Join(t.TempDir(), "none/file"), 0o600, func(io.Writer) error { called = true; return nil })
		if !errors.Is(err, fs.ErrNotExist) || called {
			t.Errorf("got %v, content asked for: %v", err, called)
		}
	})
}

// While the new content is written, readers see the old one.
func TestWriteFileShowsWholeContentOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "old")
	err := durable.WriteFile(path, 0o600, func(w io.Writer) error {
		for range 3 {
			if err := text("new")(w); err != nil {
				return err
			}
			if got := read(t, path); got != "old" {
				t.Errorf("in the midst of it there is %q", got)
			}
		}
		return nil
	})
	if got := read(t, path); err != nil || got != "newnewnew" {
		t.Errorf("then %q, %v", got, err)
	}
}

// A link to the file is replaced, what it leads to stays.
func TestWriteFileReplacesALink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, path := filepath.Join(dir, "target"), filepath.Join(dir, "file")
	write(t, target, "theirs")
	if err := os.Symlink("target", path); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(path, 0o600, text("ours")); err != nil {
		t.Fatal(err)
	}
	if a, b := read(t, target), read(t, path); a != "theirs" || b != "ours" {
		t.Errorf("target %q, file %q", a, b)
	}
}

func TestRename(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	write(t, from, "new")
	write(t, to, "old")
	if err := durable.Rename(from, to); err != nil {
		t.Fatal(err)
	}
	if got := read(t, to); got != "new" || !slices.Equal(names(t, dir), []string{"to"}) {
		t.Errorf("%q, %q", got, names(t, dir))
	}
	if err := durable.Rename(from, to); !errors.Is(err, fs.ErrNotExist) || read(t, to) != "new" {
		t.Errorf("renamed twice: %v", err)
	}
}

func TestSyncDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root := openRoot(t, dir)
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{durable.SyncDir(dir), durable.SyncDirIn(root, "."), durable.SyncDirIn(root, "sub")} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, err := range []error{durable.SyncDir(filepath.Join(dir, "none")), durable.SyncDirIn(root, "none")} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	}
	for _, outside := range []string{"..", "out", "/"} {
		if err := durable.SyncDirIn(root, outside); err == nil {
			t.Errorf("%s is below the root", outside)
		}
	}
}
