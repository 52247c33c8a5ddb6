package probe_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/sync/probe"
)

func TestSurvey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		maildirs string // below the home
		found    string
	}{
		"nothing":                 {"", ""},
		"Maildir++":               {"Maildir Maildir/.Sent", "Maildir:2"},
		"folders":                 {"Mail/INBOX Mail/Lists/2020", "Mail:2"},
		"an account below":        {"Maildir/me/INBOX Maildir/me/Sent", "Maildir/me:2"},
		"a lone inbox":            {"Mail/INBOX", "Mail:1"},
		"two":                     {"Maildir Maildir-old", "Maildir:1 Maildir-old:1"},
		"hidden by custom":        {".local/share/mail/me/INBOX .local/share/mail/me/Sent .cache/x", ".local/share/mail/me:2"},
		"deep in other folders":   {"src/a/b/c", ""},
		"shallow in other places": {"post/inbox post/sent", "post:2"},
	} {
		home := t.TempDir()
		for _, m := range strings.Fields(c.maildirs) {
			for _, sub := range []string{"cur", "new", "tmp"} {
				if err := os.MkdirAll(filepath.Join(home, m, sub), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(home, m, "cur", "1.a:2,S"), []byte("12345"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		a, err := probe.Survey(t.Context(), home)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var found []string
		for _, m := range a.Mailboxes {
			found = append(found, m.Name+":"+string(rune('0'+len(m.Folders))))
			if v := m.Whole(); v.Messages != len(m.Folders) || v.Bytes != int64(5*len(m.Folders)) {
				t.Errorf("%s: %s has %+v", name, m.Name, v)
			}
		}
		if got := strings.Join(found, " "); got != c.found {
			t.Errorf("%s: found %q, want %q", name, got, c.found)
		}
	}
}
