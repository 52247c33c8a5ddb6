package translate_test

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/translate"
)

// TestModes has the examples of the spec, §6.
func TestModes(t *testing.T) {
	t.Parallel()
	type pair struct{ local, remote string }
	dovecot := []pair{
		{"Mail", "Maildir"},
		{"Mail/sub", "Maildir/.sub"},
		{"Mail/sub.folder", "Maildir/.sub.folder"},
		{"Mail/Sent Items", "Maildir/.Sent Items"},
	}
	moved := []pair{
		{"Mail", "Maildir"},
		{"Mail/sub/folder", "Maildir/sub/folder"},
		{"Mail/.sub.folder", "Maildir/.sub.folder"},
	}
	for mode, pairs := range map[string][]pair{
		"oimap-dovecot": dovecot,
		"default":       dovecot,
		"nodots": {
			{"Mail", "Maildir"},
			{"Mail/sub", "Maildir/.sub"},
			{"Mail/sub/folder", "Maildir/.sub.folder"},
		},
		"nodots2": {
			{"Mail", "Maildir"},
			{"Mail/..sub", "Maildir/sub"},
			{"Mail/..sub.folder", "Maildir/sub/folder"},
		},
		"move": moved,
		// Where the mailbox itself is the inbox at the other end.
		"inbox": {
			{"Mail/INBOX", "Maildir"},
			{"Mail/sub/folder", "Maildir/sub/folder"},
			{"Mail/INBOX/sub", "Maildir/INBOX/sub"},
		},
		"inbox+oimap-dovecot": {
			{"Mail/INBOX", "Maildir"},
			{"Mail/sub.folder", "Maildir/.sub.folder"},
		},
		"inbox+nodots2": {
			{"Mail/INBOX", "Maildir"},
			{"Mail/..sub.folder", "Maildir/sub/folder"},
		},
		"inbox+nodots": {
			{"Mail/INBOX", "Maildir"},
			{"Mail/sub/folder", "Maildir/.sub.folder"},
			{"Mail/INBOX/sub", "Maildir/.INBOX.sub"},
		},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			m, err := translate.New(mailToMaildir(mode), "")
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range pairs {
				if got, err := m.Remote(p.local); err != nil || got != p.remote {
					t.Errorf("Remote(%q) = %q, %v, want %q", p.local, got, err, p.remote)
				}
				if got, err := m.Local(p.remote); err != nil || got != p.local {
					t.Errorf("Local(%q) = %q, %v, want %q", p.remote, got, err, p.local)
				}
			}
		})
	}
}

// TestInboxAsItIsCalled: the inbox keeps the name it has on disk.
func TestInboxAsItIsCalled(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, "Mail", "Inbox"), 0o700); err != nil {
		t.Fatal(err)
	}
	m, err := translate.Mode(mailToMaildir("inbox"), home, "inbox")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.Local("Maildir"); err != nil || got != "Mail/Inbox" {
		t.Errorf("Local: %q, %v", got, err)
	}
	if got, err := m.Remote("Mail/Inbox"); err != nil || got != "Maildir" {
		t.Errorf("Remote: %q, %v", got, err)
	}
}

// TestCatIsIdentity: with the same root at both ends nothing changes.
func TestCatIsIdentity(t *testing.T) {
	t.Parallel()
	e := mailToMaildir("cat")
	e.Mailboxes = []config.Mailbox{{Local: "Mail", Remote: "Mail"}}
	m, err := translate.New(e, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"Mail", "Mail/sub", "Mail/.sub.folder", "Mail/a/..b"} {
		if got, err := m.Remote(folder); err != nil || got != folder {
			t.Errorf("Remote(%q) = %q, %v", folder, got, err)
		}
		if got, err := m.Local(folder); err != nil || got != folder {
			t.Errorf("Local(%q) = %q, %v", folder, got, err)
		}
	}
}

// TestRefused has names that have no counterpart at the other end: a wrong one
// would be another folder's, or could not be found again.
func TestRefused(t *testing.T) {
	t.Parallel()
	type refused struct{ local, remote []string }
	dovecot := refused{
		local:  []string{"Mail/.hidden", "Mail/sub/folder"},
		remote: []string{"Maildir/sub", "Maildir/.sub/folder", "Maildir/."},
	}
	for mode, c := range map[string]refused{
		"oimap-dovecot": dovecot,
		"default":       dovecot,
		"nodots": {
			local:  []string{"Mail/sub.folder", "Mail/.hidden", "Mail/sub/a.b"},
			remote: []string{"Maildir/sub", "Maildir/.a..b", "Maildir/.a.", "Maildir/...", "Maildir/.a/b"},
		},
		"nodots2": {
			local:  []string{"Mail/sub", "Mail/.sub", "Mail/..a..b", "Mail/..a.", "Mail/..a/b"},
			remote: []string{"Maildir/.sub", "Maildir/a.b", "Maildir/.."},
		},
		"inbox+default": {
			local:  []string{"Mail", "Mail/.hidden"},
			remote: []string{"Maildir/.INBOX", "Maildir/.Inbox", "Maildir/sub"},
		},
		// One that lies in no mailbox is refused in every mode.
		"move": {
			local:  []string{"Maildir/a", "Mail2/a", "Lists", "", "/Mail/a"},
			remote: []string{"Mail/a", "Maildir2", "Maildirs/a", "../Maildir"},
		},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			m, err := translate.New(mailToMaildir(mode), "")
			if err != nil {
				t.Fatal(err)
			}
			check := func(folder, got string, err error) {
				t.Helper()
				if !fault.Is(err, fault.Translator) {
					t.Errorf("%q becomes %q, %v; want a failure of kind %s", folder, got, err, fault.Translator)
					return
				}
				if f := fault.As(err); !strings.Contains(err.Error(), folder) || !strings.Contains(f.WayOut(), "TRANSLATOR_LR") {
					t.Errorf("%q: %q, way out %q: want the folder, and TRANSLATOR_LR", folder, err, f.WayOut())
				}
			}
			for _, folder := range c.local {
				got, err := m.Remote(folder)
				check(folder, got, err)
			}
			for _, folder := range c.remote {
				got, err := m.Local(folder)
				check(folder, got, err)
			}
		})
	}
}

// TestThereAndBack: in every mode a name that has a counterpart is given back
// by it, and a counterpart is a clean path in the other end's mailbox. So no
// two folders of one end ever become one at the other.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	// A component has words with single dots between them; Evolution's start
	// with two dots, Maildir++'s with one.
	folder := rapid.StringMatching(`(/(\.\.?)?[a&~% -]{1,3}(\.[a&~% -]{1,2}){0,2}){0,3}`)
	remoteFolder := rapid.StringMatching(`(/\.?[a&~% -]{1,3}(\.[a&~% -]{1,2}){0,2}){0,3}`)
	for _, mode := range []string{"oimap-dovecot", "default", "nodots", "nodots2", "move", "cat", "inbox", "inbox+default", "inbox+nodots", "inbox+nodots2"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			m, err := translate.New(mailToMaildir(mode), "")
			if err != nil {
				t.Fatal(err)
			}
			rapid.Check(t, func(t *rapid.T) {
				local := "Mail" + folder.Draw(t, "local")
				thereAndBack(t, local, "Maildir", m.Remote, m.Local)
				remote := "Maildir" + remoteFolder.Draw(t, "remote")
				thereAndBack(t, remote, "Mail", m.Local, m.Remote)
			})
		})
	}
}

func thereAndBack(t *rapid.T, folder, root string, there, back func(string) (string, error)) {
	t.Helper()
	other, err := there(folder)
	if err != nil {
		return // it has no counterpart
	}
	if path.Clean(other) != other || other != root && !strings.HasPrefix(other, root+"/") {
		t.Fatalf("%q becomes %q", folder, other)
	}
	if got, err := back(other); err != nil || got != folder {
		t.Fatalf("%q becomes %q becomes %q, %v", folder, other, got, err)
	}
}
