package maildir_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"smd-applet/sync/maildir"
)

// handsBox is a mailbox with some folders, more than are held open.
func handsBox(t *testing.T, folders int) (home string, list []maildir.Folder) {
	t.Helper()
	home = t.TempDir()
	root, err := os.OpenRoot(home)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	for i := range folders {
		f := maildir.Folder{Root: root, Dir: fmt.Sprint(i), Path: fmt.Sprint(i)}
		if err := f.Make(); err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return home, list
}

func temp(t *testing.T, h *maildir.Hands, f maildir.Folder, text string) maildir.Place {
	t.Helper()
	file, p, err := h.CreateTemp(f)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(file, text)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	return p
}

func wantFile(t *testing.T, path, text string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		t.Errorf("%s has %q, %v; want %q", path, got, err, text)
	}
}

func TestHands(t *testing.T) {
	t.Parallel()
	home, folders := handsBox(t, 40)
	var h maildir.Hands
	defer h.Close()
	for i, f := range folders {
		to := maildir.Place{Folder: folders[(i+7)%len(folders)], Sub: "cur", File: "m:2,S"}
		if err := h.Move(temp(t, &h, f, f.Path), to); err != nil {
			t.Fatal(err)
		}
		wantFile(t, filepath.Join(home, to.Path()), f.Path)
		second := temp(t, &h, f, "second")
		if err := h.Move(second, to); !errors.Is(err, fs.ErrExist) {
			t.Errorf("to a place that is taken: %v", err)
		}
		wantFile(t, filepath.Join(home, to.Path()), f.Path)
		if err := errors.Join(second.Remove(), second.MoveTo(to)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("of a message that is gone: %v", err)
		}
	}
}

// A directory that is replaced while it is held does not stop a batch.
func TestHandsFindADirectoryAgain(t *testing.T) {
	t.Parallel()
	home, folders := handsBox(t, 1)
	f := folders[0]
	var h maildir.Hands
	defer h.Close()
	to := maildir.Place{Folder: f, Sub: "cur", File: "1"}
	if err := h.Move(temp(t, &h, f, "one"), to); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"tmp", "cur"} {
		dir := filepath.Join(home, f.Dir, sub)
		if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
			t.Fatal(err)
		}
		to.File = "after " + sub
		if err := h.Move(temp(t, &h, f, sub), to); err != nil {
			t.Fatalf("after another %s: %v", sub, err)
		}
		wantFile(t, filepath.Join(home, to.Path()), sub)
	}
	if err := os.RemoveAll(filepath.Join(home, f.Dir, "cur")); err != nil {
		t.Fatal(err)
	}
	if err := h.Move(temp(t, &h, f, "x"), to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a cur: %v", err)
	}
}

// No name leads out of the mailbox.
func TestHandsStayInTheRoot(t *testing.T) {
	t.Parallel()
	home, folders := handsBox(t, 2)
	inner, err := os.OpenRoot(filepath.Join(home, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	f := maildir.Folder{Root: inner, Dir: ".", Path: "0"}
	var h maildir.Hands
	defer h.Close()
	p := temp(t, &h, f, "x")
	for _, name := range []string{"../../1/cur/out", "..", ".", "", "../../out"} {
		if err := h.Move(p, maildir.Place{Folder: f, Sub: "cur", File: name}); err == nil {
			t.Errorf("moved to %q", name)
		}
	}
	if err := h.Move(p, maildir.Place{Folder: folders[1], Sub: "cur", File: "out"}); err == nil {
		t.Error("moved to another mailbox")
	}
	wantFile(t, filepath.Join(home, p.Path()), "x")
}

func TestHandsOpen(t *testing.T) {
	t.Parallel()
	home, folders := handsBox(t, 1)
	cur := filepath.Join(home, "0", "cur")
	if err := os.WriteFile(filepath.Join(cur, "1"), []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink("1", filepath.Join(cur, "link")), os.Mkdir(filepath.Join(cur, "dir"), 0o700), unix.Mkfifo(filepath.Join(cur, "pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	var h maildir.Hands
	defer h.Close()
	for name, want := range map[string]string{"1": "one", "link": "", "dir": "", "pipe": "", "none": "", "../../../0/cur/1": "", "": "", "..": ""} {
		f, st, err := h.Open(maildir.Place{Folder: folders[0], Sub: "cur", File: name})
		if err != nil {
			if want != "" {
				t.Errorf("%q: %v", name, err)
			}
			continue
		}
		got, err := io.ReadAll(f)
		f.Close()
		if err != nil || string(got) != want || want == "" || st.Size != int64(len(want)) || st.Ino == 0 || st.Mtime == 0 {
			t.Errorf("%q has %q, %v; want %q", name, got, err, want)
		}
	}
	if err := errors.Join(os.Rename(cur, cur+".old"), os.Mkdir(cur, 0o700), os.WriteFile(filepath.Join(cur, "2"), []byte("two"), 0o600)); err != nil {
		t.Fatal(err)
	}
	f, _, err := h.Open(maildir.Place{Folder: folders[0], Sub: "cur", File: "2"})
	if err != nil {
		t.Fatalf("in a directory that took the place of another: %v", err)
	}
	f.Close()
}

// TestHandsStat: what a scan would see, and no more than that.
func TestHandsStat(t *testing.T) {
	t.Parallel()
	home, folders := handsBox(t, 20)
	var h maildir.Hands
	defer h.Close()
	for _, f := range folders {
		p := maildir.Place{Folder: f, Sub: "cur", File: "1:2,S"}
		dir := filepath.Join(home, f.Dir, "cur")
		if _, err := h.Stat(p); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("nothing is there: %v", err)
		}
		if err := os.WriteFile(filepath.Join(dir, p.File), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(p.File, filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		st, err := p.Stat()
		if err != nil {
			t.Fatal(err)
		}
		want := maildir.File{Name: p.File, Mtime: st.ModTime().UnixNano(), Size: 4, Ino: st.Sys().(*syscall.Stat_t).Ino}
		if got, err := h.Stat(p); err != nil || got != want {
			t.Fatalf("%+v, %v; want %+v", got, err, want)
		}
		p.File = "link"
		if _, err := h.Stat(p); !errors.Is(err, maildir.ErrBadName) {
			t.Fatalf("a link: %v", err)
		}
		p.File = "../cur/1:2,S"
		if _, err := h.Stat(p); err == nil {
			t.Fatal("a name that leads elsewhere is followed")
		}
	}
}
