package maildir_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"smd-applet/sync/maildir"
	"smd-applet/sync/synctest"
)

func place(t *testing.T, s *maildir.Store, name string) maildir.Place {
	t.Helper()
	n, err := maildir.ParseName(name)
	check(t, err)
	p, err := s.Place(n)
	check(t, err)
	return p
}

func TestPlaceSum(t *testing.T) {
	t.Parallel()
	s, box := newMail(t)
	h, buf := maildir.NewHasher(), make([]byte, 4096)
	for _, m := range messages { // one after the other through the same Hasher
		write(t, box.Path("cur/1"), m.header+m.body)
		got, err := place(t, s, "Mail/cur/1").Sum(h, buf)
		if err != nil || got != sumOf(m.header, m.body) {
			t.Errorf("%.40q: %v, %v", m.header, got, err)
		}
	}
	write(t, box.Path("cur/1"), "")
	if _, err := place(t, s, "Mail/cur/1").Sum(h, buf); !errors.Is(err, maildir.ErrEmpty) {
		t.Errorf("empty file: %v", err)
	}
	if _, err := place(t, s, "Mail/cur/2").Sum(h, buf); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

// What is no message in the mailbox can't be read, and nothing of it blocks.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	s, box := newMail(t)
	outside := filepath.Join(s.Home(), "secret")
	write(t, filepath.Join(outside, "cur/1"), "Subject: secret\n\n")
	check(t, box.AddFolder("a"))
	for from, to := range map[string]string{
		"a/cur/out": "../../../secret/cur/1", "a/cur/absolute": filepath.Join(outside, "cur/1"), "a/cur/dangling": "none",
		"a/cur/loop": "loop", "out": "../secret", "absolute": outside,
	} {
		check(t, os.Symlink(to, box.Path(from)))
	}
	check(t, os.Mkdir(box.Path("a/cur/dir"), 0o700))
	check(t, unix.Mkfifo(box.Path("a/cur/fifo"), 0o600))
	for _, name := range []string{
		"Mail/a/cur/out", "Mail/a/cur/absolute", "Mail/a/cur/dangling", "Mail/a/cur/loop",
		"Mail/out/cur/1", "Mail/absolute/cur/1", "Mail/a/cur/dir", "Mail/a/cur/fifo",
	} {
		f, err := place(t, s, name).Open()
		if err == nil {
			f.Close()
			t.Errorf("%s was opened", name)
		}
	}
}

// A link is looked at itself.
func TestStat(t *testing.T) {
	t.Parallel()
	s, box := newMail(t)
	write(t, box.Path("cur/1"), "Subject: one\n\nbody\n")
	check(t, os.Symlink("1", box.Path("cur/2")))
	if st, err := place(t, s, "Mail/cur/1").Stat(); err != nil || st.Size() != 19 || !st.Mode().IsRegular() {
		t.Errorf("message: %v, %v", st, err)
	}
	if st, err := place(t, s, "Mail/cur/2").Stat(); err != nil || st.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("link: %v, %v", st, err)
	}
	if _, err := place(t, s, "Mail/cur/3").Stat(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

// TestDeliver walks a message from tmp to its end.
func TestDeliver(t *testing.T) {
	t.Parallel()
	s, box := newMail(t)
	folder, err := s.Folder("Mail/new folder/sub")
	check(t, err)
	for range 2 { // what is there already is no error
		check(t, folder.Make())
	}
	for _, sub := range []string{"cur", "new", "tmp"} {
		st, err := os.Stat(box.Path("new folder/sub/" + sub))
		check(t, err)
		if !st.IsDir() || st.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v", sub, st.Mode())
		}
	}
	deliver := func(content, as string) (maildir.Place, error) {
		t.Helper()
		f, temp, err := folder.CreateTemp()
		check(t, err)
		_, err = io.WriteString(f, content)
		check(t, errors.Join(err, f.Close()))
		return temp, temp.MoveTo(place(t, s, as))
	}
	const one, two = "Mail/new folder/sub/new/1", "Mail/new folder/sub/cur/2:2,S"
	_, err = deliver("first\n\n", one)
	check(t, err)
	if st, err := os.Stat(filepath.Join(s.Home(), one)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("message: %v, %v: want it for its owner only", st.Mode(), err)
	}

	// A second one under the same name stays in tmp.
	temp, err := deliver("second\n\n", one)
	if !errors.Is(err, fs.ErrExist) || read(t, filepath.Join(s.Home(), one)) != "first\n\n" {
		t.Fatalf("a message was replaced, or %v", err)
	}
	if got := read(t, filepath.Join(s.Home(), temp.Path())); got != "second\n\n" {
		t.Errorf("the second one is %q", got)
	}
	check(t, temp.MoveTo(place(t, s, two)))
	if err := temp.MoveTo(place(t, s, "Mail/cur/3")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("moved twice: %v", err)
	}

	f, temp, err := folder.CreateTemp()
	check(t, err)
	_, err = io.WriteString(f, "third\n\n")
	check(t, errors.Join(err, f.Close()))
	check(t, place(t, s, two).ReplaceWith(temp))
	if got := read(t, filepath.Join(s.Home(), two)); got != "third\n\n" {
		t.Errorf("replaced by %q", got)
	}
	check(t, place(t, s, one).Remove())
	left, err := synctest.TakeCensus(box.Root)
	check(t, err)
	if left.Total() != 1 || len(left["new folder/sub"]) != 1 {
		t.Errorf("left: %v", left)
	}
	if entries, err := os.ReadDir(box.Path("new folder/sub/tmp")); err != nil || len(entries) > 0 {
		t.Errorf("left in tmp: %v, %v", entries, err)
	}
}

// Two files of a folder are never the same one.
func TestCreateTempIsFresh(t *testing.T) {
	t.Parallel()
	s, _ := newMail(t)
	folder, err := s.Folder("Mail")
	check(t, err)
	if _, _, err := folder.CreateTemp(); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no tmp: %v", err)
	}
	check(t, folder.Make())
	seen := make(map[string]bool)
	for range 100 {
		f, p, err := folder.CreateTemp()
		check(t, err)
		check(t, f.Close())
		if seen[p.Rel()] || !strings.HasPrefix(p.Rel(), "tmp/") {
			t.Fatalf("%s", p.Rel())
		}
		seen[p.Rel()] = true
	}
}

func TestMoveBetweenMailboxes(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), "Mail", "Other")
	write(t, filepath.Join(s.Home(), "Mail/cur/1"), "Subject: one\n\n")
	check(t, os.MkdirAll(filepath.Join(s.Home(), "Other/cur"), 0o700))
	from, to := place(t, s, "Mail/cur/1"), place(t, s, "Other/cur/1")
	if from.CanMoveTo(to) || !from.CanMoveTo(place(t, s, "Mail/new/1")) {
		t.Error("a rename goes within a mailbox, and not between two")
	}
	if err := from.MoveTo(to); err == nil {
		t.Error("moved")
	}
	if got := read(t, filepath.Join(s.Home(), "Mail/cur/1")); got != "Subject: one\n\n" {
		t.Errorf("the message is now %q", got)
	}
}

// A folder that is a link out of the mailbox takes nothing and loses nothing.
func TestChangesStayInside(t *testing.T) {
	t.Parallel()
	s, box := newMail(t)
	outside := filepath.Join(s.Home(), "outside")
	for _, sub := range []string{"cur", "new", "tmp"} {
		write(t, filepath.Join(outside, sub, "1"), "Subject: theirs\n\n")
	}
	write(t, box.Path("cur/2"), "Subject: mine\n\n")
	check(t, os.Symlink("../outside", box.Path("out")))
	theirs, mine := place(t, s, "Mail/out/cur/1"), place(t, s, "Mail/cur/2")
	for what, err := range map[string]error{
		"remove":   theirs.Remove(),
		"move out": mine.MoveTo(place(t, s, "Mail/out/cur/2")),
		"move in":  theirs.MoveTo(place(t, s, "Mail/cur/1")),
		"replace":  theirs.ReplaceWith(mine),
		"make":     place(t, s, "Mail/out/sub/cur/1").Folder.Make(),
		"clean":    theirs.Folder.CleanStrays(),
	} {
		if err == nil {
			t.Errorf("%s: want an error", what)
		}
	}
	if _, _, err := theirs.Folder.CreateTemp(); err == nil {
		t.Error("create: want an error")
	}
	for _, sub := range []string{"cur", "new", "tmp"} {
		if got := read(t, filepath.Join(outside, sub, "1")); got != "Subject: theirs\n\n" {
			t.Errorf("%s changed to %q", sub, got)
		}
		if entries, err := os.ReadDir(filepath.Join(outside, sub)); err != nil || len(entries) != 1 {
			t.Errorf("%s has %v, %v", sub, entries, err)
		}
	}
	if got := read(t, box.Path("cur/2")); got != "Subject: mine\n\n" {
		t.Errorf("mine is now %q", got)
	}
}

// A link in a message's place is none, even to a message.
func TestOpenRefusesLinks(t *testing.T) {
	t.Parallel()
	s, box := newMail(t)
	message, err := box.Deliver(".")
	check(t, err)
	for name, target := range map[string]string{"inside": filepath.Base(message), "outside": "/etc/passwd"} {
		check(t, os.Symlink(target, box.Path("new/"+name)))
		p, err := s.Place(maildir.Name{Folder: "Mail", Sub: "new", File: name})
		check(t, err)
		if f, err := p.Open(); err == nil {
			f.Close()
			t.Errorf("a link that leads %s was opened", name)
		}
	}
}
