package stripheader_test

import (
	"fmt"
	"os"
	"path/filepath"
	stdsync "sync"
	"testing"
	"time"

	"smd-applet/sync/maildir"
	"smd-applet/sync/stripheader"
	"smd-applet/sync/translate"
)

const (
	marked   = "Subject: one\nX-A: 1\n folded\n\nX-A: body\n"
	stripped = "Subject: one\n\nX-A: body\n"
)

// mailbox is a home with a mailbox of a few folders, whose messages are old.
type mailbox struct {
	t     *testing.T
	home  string
	store *maildir.Store
	names []string
}

var longAgo = time.Date(2018, 5, 1, 12, 30, 0, 123456789, time.UTC)

func newMailbox(t *testing.T, folders, each int) *mailbox {
	t.Helper()
	m := &mailbox{t: t, home: t.TempDir()}
	for f := range folders {
		for i := range each {
			m.write(fmt.Sprintf("Mail/.f%d/cur/%d:2,S", f, i), marked)
		}
		m.write(fmt.Sprintf("Mail/.f%d/new/plain", f), stripped)
	}
	var err error
	m.store, err = maildir.Open(m.home, []maildir.Box{{Local: "Mail", Remote: "Mail"}}, translate.Identity(), false)
	m.must(err)
	t.Cleanup(func() { m.store.Close() })
	return m
}

func (m *mailbox) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *mailbox) path(name string) string { return filepath.Join(m.home, name) }

func (m *mailbox) write(name, content string) {
	m.t.Helper()
	path := m.path(name)
	for _, sub := range []string{"cur", "new", "tmp"} {
		m.must(os.MkdirAll(filepath.Join(filepath.Dir(filepath.Dir(path)), sub), 0o700))
	}
	m.must(os.WriteFile(path, []byte(content), 0o640))
	m.must(os.Chmod(path, 0o640)) // whatever the umask
	m.must(os.Chtimes(path, longAgo, longAgo))
	m.names = append(m.names, name)
}

func (m *mailbox) strip(dryRun bool, report func(stripheader.Progress)) stripheader.Progress {
	m.t.Helper()
	p, err := stripheader.Mailbox(m.t.Context(), m.store, "X-A", dryRun, report)
	m.must(err)
	return p
}

func nobody(stripheader.Progress) {}

// Many messages of several folders at once; of each the name, the time to the
// nanosecond and the mode stay, and nothing is left in tmp.
func TestMailbox(t *testing.T) {
	t.Parallel()
	const folders, each = 100, 4 // so that workers and the walk meet in folders
	m := newMailbox(t, folders, each)
	// A message that hangs on the same file as another is one of its own then.
	m.must(os.Link(m.path("Mail/.f0/cur/0:2,S"), m.path("Mail/.f1/cur/linked:2,F")))
	m.names = append(m.names, "Mail/.f1/cur/linked:2,F")
	m.must(os.WriteFile(m.path("letter"), []byte(marked), 0o600))
	m.must(os.Symlink("../../../letter", m.path("Mail/.f2/cur/link")))

	want := stripheader.Progress{Messages: folders*(each+1) + 1, Changed: folders*each + 1}
	if got := m.strip(true, nobody); got != want {
		t.Errorf("a dry run: %+v, want %+v", got, want)
	}
	var mu stdsync.Mutex
	reports, last := 0, stripheader.Progress{}
	if got := m.strip(false, func(p stripheader.Progress) {
		mu.Lock()
		defer mu.Unlock()
		reports++
		last = p
	}); got != want || last != want || reports != want.Messages {
		t.Errorf("%+v after %d reports, the last of %+v, want %+v", got, reports, last, want)
	}
	for _, name := range m.names {
		st, err := os.Stat(m.path(name))
		m.must(err)
		content, err := os.ReadFile(m.path(name))
		m.must(err)
		if string(content) != stripped || !st.ModTime().Equal(longAgo) || st.Mode().Perm() != 0o640 {
			t.Errorf("%s: %s, %s, %q", name, st.ModTime(), st.Mode(), content)
		}
	}
	if left, _ := filepath.Glob(m.path("Mail/*/tmp/*")); len(left) > 0 {
		t.Errorf("left %q", left)
	}
	if b, err := os.ReadFile(m.path("letter")); err != nil || string(b) != marked {
		t.Errorf("what a link leads to is %q, %v", b, err)
	}
	if got := m.strip(false, nobody); got.Changed != 0 {
		t.Errorf("the second time: %+v", got)
	}
}
