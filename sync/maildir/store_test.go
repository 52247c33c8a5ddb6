package maildir_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/synctest"
	"smd-applet/sync/translate"
)

// openStore opens mailbox roots below home, which have the same names at the
// other end, and makes missing ones.
func openStore(t *testing.T, home string, roots ...string) *maildir.Store {
	t.Helper()
	boxes := make([]maildir.Box, len(roots))
	for i, r := range roots {
		boxes[i] = maildir.Box{Local: r, Remote: r}
	}
	s, err := maildir.Open(home, boxes, translate.Identity(), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// newMail is a home with the one mailbox "Mail".
func newMail(t *testing.T) (*maildir.Store, *synctest.Mailbox) {
	t.Helper()
	home := t.TempDir()
	return openStore(t, home, "Mail"), synctest.OpenMailbox(filepath.Join(home, "Mail"), "host")
}

// write puts a file where a mail program would not, folders and all.
func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenMissingMailbox(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	boxes := []maildir.Box{{Local: "Mail", Remote: "Mail"}, {Local: "more/Mail", Remote: "more/Mail"}}
	check(t, os.Mkdir(filepath.Join(home, "Mail"), 0o700))
	_, err := maildir.Open(home, boxes, translate.Identity(), false)
	if !fault.Is(err, fault.MailboxMissing) || !strings.Contains(err.Error(), "more/Mail") {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Lstat(filepath.Join(home, "more")); err == nil {
		t.Error("it was made all the same")
	}

	s, err := maildir.Open(home, boxes, translate.Identity(), true)
	check(t, err)
	defer s.Close()
	st, err := os.Stat(filepath.Join(home, "more/Mail"))
	check(t, err)
	if st.Mode().Perm() != 0o700 {
		t.Errorf("mode %v: mail is for its owner only", st.Mode().Perm())
	}
}

// renamer moves the root "Mail" here to "Maildir" there; names in bad answer
// what a broken translator might.
type renamer struct{ bad map[string]string }

var errUntranslated = errors.New("no such folder")

func (r renamer) turn(folder, from, to string) (string, error) {
	if answer, ok := r.bad[folder]; ok {
		if answer == "" {
			return "", errUntranslated
		}
		return answer, nil
	}
	return to + strings.TrimPrefix(folder, from), nil
}

func (r renamer) Local(remote string) (string, error) { return r.turn(remote, "Maildir", "Mail") }
func (r renamer) Remote(local string) (string, error) { return r.turn(local, "Mail", "Maildir") }

func openRenamed(t *testing.T, bad map[string]string) *maildir.Store {
	t.Helper()
	s, err := maildir.Open(t.TempDir(), []maildir.Box{{Local: "Mail", Remote: "Maildir"}}, renamer{bad}, true)
	check(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func TestFolder(t *testing.T) {
	t.Parallel()
	s := openRenamed(t, nil)
	for remote, want := range map[string]struct{ path, dir string }{
		"Maildir":         {"Mail", "."},
		"Maildir/.a":      {"Mail/.a", ".a"},
		"Maildir/a b/c%":  {"Mail/a b/c%", "a b/c%"},
		"Maildir/Maildir": {"Mail/Maildir", "Maildir"},
	} {
		for range 2 { // the second answer is remembered
			f, err := s.Folder(remote)
			if err != nil || f.Path != want.path || f.Dir != want.dir || f.Root.Name() != filepath.Join(s.Home(), "Mail") {
				t.Errorf("%s: %+v, %v", remote, f, err)
			}
		}
		p, err := s.Place(maildir.Name{Folder: remote, Sub: "cur", File: "1:2,S"})
		if err != nil || p.Path() != want.path+"/cur/1:2,S" || p.Rel() != filepath.Join(want.dir, "cur/1:2,S") {
			t.Errorf("%s: message at %s, below the root %s, %v", remote, p.Path(), p.Rel(), err)
		}
		if back, err := s.Remote(want.path); err != nil || back != remote {
			t.Errorf("%s comes back as %s, %v", remote, back, err)
		}
		if root := s.RootOf(remote); root != "Maildir" {
			t.Errorf("%s is said to be in %q", remote, root)
		}
	}
}

// A peer's names stay in the mailboxes.
func TestFolderOutside(t *testing.T) {
	t.Parallel()
	s := openRenamed(t, nil)
	for _, remote := range []string{"", ".", "..", "/", "/etc", "Mail", "Maildir2", "Maildi", "Maildir/..", "Maildir/../Mail", "Maildir//a", "Maildir/", "Maildir/a\n", "Maildir/a\x00b", ".ssh", "Maildir/" + strings.Repeat("x", 256)} {
		if f, err := s.Folder(remote); !errors.Is(err, maildir.ErrBadName) {
			t.Errorf("%q: %+v, %v", remote, f, err)
		}
	}
	for _, remote := range []string{"Mail", "Maildir2", "", "Maildir2/a"} {
		if root := s.RootOf(remote); root != "" {
			t.Errorf("%q is said to be in %q", remote, root)
		}
	}
}

// Nor does what a translator answers leave them.
func TestBadTranslator(t *testing.T) {
	t.Parallel()
	s := openRenamed(t, map[string]string{
		"Maildir/out": "../Mail", "Maildir/abs": "/etc", "Maildir/climb": "Mail/../.ssh", "Maildir/else": "Other/a",
		"Maildir/line": "Mail/a\nb", "Maildir/none": "",
		"Mail/out": "../Maildir", "Mail/abs": "/Maildir", "Mail/line": "Maildir/a\nb", "Mail/none": "",
	})
	for _, remote := range []string{"Maildir/out", "Maildir/abs", "Maildir/climb", "Maildir/else", "Maildir/line"} {
		if f, err := s.Folder(remote); !fault.Is(err, fault.Translator) {
			t.Errorf("%s: %+v, %v", remote, f, err)
		}
	}
	for _, local := range []string{"Mail/out", "Mail/abs", "Mail/line"} {
		if r, err := s.Remote(local); !fault.Is(err, fault.Translator) {
			t.Errorf("%s: %q, %v", local, r, err)
		}
	}
	if _, err := s.Folder("Maildir/none"); !errors.Is(err, errUntranslated) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Remote("Mail/none"); !errors.Is(err, errUntranslated) {
		t.Errorf("got %v", err)
	}
}

func TestRootThatIsAFile(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write(t, filepath.Join(home, "Mail"), "")
	for _, create := range []bool{false, true} {
		_, err := maildir.Open(home, []maildir.Box{{Local: "Mail", Remote: "Mail"}}, translate.Identity(), create)
		if !fault.Is(err, fault.MailboxMissing) {
			t.Errorf("create %t: %v, kind %s", create, err, fault.As(err).Kind)
		}
	}
}
