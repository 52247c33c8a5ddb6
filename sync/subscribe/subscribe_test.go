package subscribe_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smd-applet/sync/fault"
	"smd-applet/sync/subscribe"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		list    *subscribe.List
		in, out []string
	}{
		"Dovecot, Maildir++": {
			subscribe.Parse("Sent\nwork.projects\nEntw&APw-rfe\nOld Spam\n"),
			[]string{"", ".", ".Sent", ".work.projects", ".Entw&APw-rfe", ".Old Spam"},
			[]string{".work", ".projects", ".Sent2", ".sent", ".Entwürfe"},
		},
		"Dovecot, nested folders": {
			subscribe.Parse("Sent\nwork/projects"),
			[]string{"Sent", "work/projects"},
			[]string{"work", "projects", "work/projects/old"},
		},
		"Dovecot's version 2": {
			subscribe.Parse("V\t2\n\nSent\nwork\tprojects\na\x01tb\x011\n"),
			[]string{".Sent", ".work.projects", "work/projects", ".a\tb\x01"},
			[]string{".work", ".V\t2", ".V.2", ".a"},
		},
		"the header of version 2 means nothing further down": {
			subscribe.Parse("Sent\nV\t2\n"),
			[]string{".Sent", ".V\t2"},
			nil,
		},
		"Courier": {
			subscribe.ParseCourier("INBOX\nINBOX.Sent\r\nINBOX.work.projects\n#shared.x\n"),
			[]string{".", ".Sent", ".work.projects"},
			[]string{".work", ".INBOX", ".INBOX.Sent", ".x"},
		},
		"nothing": {subscribe.Parse(""), []string{"", "."}, []string{".Sent", "Sent"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// What one end tells the other means the same there.
			for _, l := range []*subscribe.List{c.list, subscribe.Of(c.list.Keys())} {
				for _, folder := range c.in {
					if !l.Match(folder) {
						t.Errorf("%q is not subscribed to", folder)
					}
				}
				for _, folder := range c.out {
					if l.Match(folder) {
						t.Errorf("%q is subscribed to", folder)
					}
				}
			}
		})
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for file, text := range map[string]string{
		"Mail/subscriptions":           "Sent\n",
		"Mail/courierimapsubscribed":   "INBOX.Old\n", // left by a server before Dovecot
		"Lists/courierimapsubscribed":  "INBOX.go\n",
		"None/cur/1":                   "x",
		"Large/subscriptions":          strings.Repeat("a\n", 2<<20|1),
		"Link/cur/1":                   "x",
		"Elsewhere/subscriptions/file": "a directory",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(home, file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(home, "Link/subscriptions")); err != nil {
		t.Fatal(err)
	}
	m, err := subscribe.Load(home, []string{"Mail", "Lists"})
	if err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]bool{
		"Mail": true, "Mail/.Sent": true, "Mail/.Old": false, "Mail/.go": false,
		"Lists": true, "Lists/.go": true, "Lists/.Sent": false, "Other": false, "Mailbox/.Sent": false,
	} {
		if got := m.Match(folder); got != want {
			t.Errorf("%s: %v, want %v", folder, got, want)
		}
	}
	for _, mailbox := range []string{"None", "Missing", "Large", "Link", "Elsewhere"} {
		_, err := subscribe.Load(home, []string{"Mail", mailbox})
		if f := fault.As(err); !fault.Is(err, fault.Config) || f.Path != mailbox || !strings.Contains(f.WayOut(), "EXCLUDE") {
			t.Errorf("%s: %v", mailbox, err)
		}
	}
}

func TestExcluded(t *testing.T) {
	t.Parallel()
	m := subscribe.Mailboxes{"Maildir": subscribe.Parse("work.projects\n")}
	excluded := m.Excluded(func(local string) bool { return local == "Mail/.Spam" }, func(local string) (string, error) {
		rest, ok := strings.CutPrefix(local, "Mail")
		switch {
		case !ok:
			return "", errors.New("no name")
		case rest == "":
			return "Maildir", nil
		}
		return "Maildir/." + strings.ReplaceAll(rest[1:], "/", "."), nil
	})
	for local, want := range map[string]bool{
		"Mail/cur": false, "Mail/new": false,
		"Mail/work": false, "Mail/work/cur": true, "Mail/work/new": true, // what lies below is looked at
		"Mail/work/projects": false, "Mail/work/projects/cur": false,
		"Mail/.Spam": true,
		"Other/cur":  false,
	} {
		if got := excluded(local); got != want {
			t.Errorf("%s: %v, want %v", local, got, want)
		}
	}
}

// FuzzParse: whatever is in the file, its own names match, and the root does.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"", "Sent\nwork.projects\n", "V\t2\n\nwork\tprojects\n", "V\t2", "INBOX.a\n", "\x01t\n", "..a\n/\n.\n\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, l := range []*subscribe.List{subscribe.Parse(text), subscribe.ParseCourier(text)} {
			if !l.Match("") || !l.Match(".") {
				t.Fatal("the root is not subscribed to")
			}
			keys := l.Keys()
			if !slices.Equal(keys, subscribe.Of(keys).Keys()) {
				t.Fatalf("%q is not what it says", keys)
			}
			for _, k := range keys {
				if !l.Match("."+k) || len(k) > len(text) {
					t.Fatalf("%q does not match", k)
				}
			}
			if len(keys) > strings.Count(text, "\n")+1 {
				t.Fatalf("%d names in %q", len(keys), text)
			}
		}
	})
}
