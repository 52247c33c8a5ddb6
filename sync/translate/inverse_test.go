package translate_test

import (
	"os"
	"path"
	"path/filepath"
	"testing"

	"smd-applet/sync/config"
	"smd-applet/sync/translate"
)

// TestOddNames: a folder whose way back would lead elsewhere is refused.
func TestOddNames(t *testing.T) {
	t.Parallel()
	e := &config.Endpoint{Mailboxes: []config.Mailbox{{Local: "Mail", Remote: "Maildir"}}}
	home := t.TempDir()
	for _, box := range []string{"INBOX", "Inbox"} {
		if err := os.MkdirAll(filepath.Join(home, "Mail", box), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		mode    string
		toLocal bool
		folder  string
	}{
		{"default", true, "Maildir/..."},
		{"default", true, "Maildir/..a"},
		{"nodots", true, "Maildir/..a"},
		{"nodots2", false, "Mail/...a"},
		{"inbox", false, "Mail/Inbox"},
	} {
		m, err := translate.Mode(e, home, c.mode)
		if err != nil {
			t.Fatal(err)
		}
		there, back := m.Remote, m.Local
		if c.toLocal {
			there, back = back, there
		}
		other, err := there(c.folder)
		if err != nil {
			continue
		}
		got, err := back(other)
		if path.Clean(other) != other || err != nil || got != c.folder {
			t.Errorf("%s: %q becomes %q becomes %q, %v", c.mode, c.folder, other, got, err)
		}
	}
	for _, unknown := range []string{"inboxmove", "inbox+", "inbox+inbox", "+nodots", "nodots+inbox", "", "Default"} {
		if _, err := translate.Mode(e, home, unknown); err == nil {
			t.Errorf("the mode %q is known", unknown)
		}
	}
}
