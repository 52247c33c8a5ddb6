package migrate_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"smd-applet/sync/census"
	"smd-applet/sync/config"
	"smd-applet/sync/maildir"
	"smd-applet/sync/migrate"
)

func write(t *testing.T, text string) (home, file string) {
	t.Helper()
	home = t.TempDir()
	file = filepath.Join(home, "rc")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return home, file
}

func TestOfflineIMAP(t *testing.T) {
	t.Parallel()
	home, file := write(t, `; a comment
[general]
accounts = One, Two
metadata: ~/.oi

[Account One]
localrepository = L1
remoterepository=R1
[Account Two]
localrepository = L2
remoterepository = R2
postsynchook = notmuch new
[Repository L1]
type = Maildir
localfolders = ~/Maildir/One
sep = /
[Repository R1]
type = IMAP
remotehost = imap.example.org
nametrans = lambda f: re.sub('a',
  'b', f)
[Repository L2]
type = Maildir
localfolders = /srv/two
[Repository R2]
type = IMAP
preauthtunnel = ssh -q -oBatchMode=yes me@mail.example.org '/usr/lib/dovecot/imap'
`)
	all, err := migrate.OfflineIMAP(home, file)
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	one, two := all[0], all[1]
	if one.Local != filepath.Join(home, "Maildir/One") || one.Host != "imap.example.org" || one.Lock != filepath.Join(home, ".oi/One.lock") || one.Header != "X-OfflineIMAP" ||
		len(one.Notes) != 1 || !strings.HasPrefix(one.Notes[0], "nametrans = lambda f: re.sub('a', 'b', f): ") {
		t.Errorf("%+v", one)
	}
	if two.Local != "/srv/two" || two.Host != "me@mail.example.org" || len(two.Notes) != 1 {
		t.Errorf("%+v", two)
	}
	if _, err := migrate.Choose(all, ""); err == nil || !strings.Contains(err.Error(), "One, Two") {
		t.Errorf("one of two: %v", err)
	}
	if s, err := migrate.Choose(all, "Two"); err != nil || s.Name != "Two" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, wrong := range []string{"", "accounts = x\n", "[general]\naccounts = x\n", "[general\n"} {
		home, file := write(t, wrong)
		if all, err := migrate.OfflineIMAP(home, file); err == nil {
			t.Errorf("%q: %+v", wrong, all)
		}
	}
	if _, err := migrate.OfflineIMAP(home, ""); err == nil || !strings.Contains(err.Error(), ".offlineimaprc") {
		t.Errorf("no file: %v", err)
	}
}

func TestMbsync(t *testing.T) {
	t.Parallel()
	home, file := write(t, `# a comment
IMAPAccount work
Host imap.example.org
Pass secret

IMAPStore work-far
Account work

MaildirStore work-near
Path "~/Mail/"
Inbox ~/Mail/Inbox

Channel work
Master :work-far:
Slave :work-near:
Patterns * !Spam

Channel other
Far :work-far:Archive
Near :nowhere:
`)
	all, err := migrate.Mbsync(home, file)
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	if s := all[0]; s.Name != "work" || s.Local != filepath.Join(home, "Mail") || s.Host != "imap.example.org" || len(s.Notes) != 1 || strings.Contains(fmt.Sprint(s), "secret") {
		t.Errorf("%+v", s)
	}
	home, file = write(t, "MaildirStore n\nPath ~/Mail/\nInbox ~/Inbox\n\nChannel c\nFar :f:\nNear :n:\n")
	if all, err := migrate.Mbsync(home, file); err == nil {
		t.Errorf("an inbox elsewhere: %+v", all)
	}
}

// mail makes a census: "folder/cur/name content", of which 'c' and 'C' are alike.
func mail(lines ...string) *census.Census {
	c := &census.Census{}
	seen := make(map[string]bool)
	for _, line := range lines {
		at := strings.LastIndexByte(line, ' ')
		n, err := maildir.ParseName(line[:at])
		if err != nil {
			panic(err)
		}
		content := line[at+1]
		m := census.Message{Name: n, Size: 1}
		m.Sum.Header[0], m.Sum.Body[0] = content, content|0x20
		m.Bare, m.Like = m.Sum.Header, maildir.Digest{content | 0x20}
		c.Messages = append(c.Messages, m)
		if !seen[n.Folder] {
			seen[n.Folder] = true
			c.Folders = append(c.Folders, n.Folder)
		}
	}
	return c
}

func TestFindLayout(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		here, there *census.Census
		mode        string
		remote      map[string]string
		unnamed     []string
	}{
		"the same": {mail("old/cur/1 a", "old/.x/cur/2 b"), mail("M/cur/9 a", "M/.x/cur/8 b"), "move", map[string]string{"old": "M", "old/.x": "M/.x"}, nil},
		"OfflineIMAP": {
			mail("old/INBOX/cur/1 a", "old/x.y/cur/2 b"), mail("M/cur/9 a", "M/.x.y/cur/8 b", "M/Odd/z/cur/7 d"), "inbox+default",
			map[string]string{"old/INBOX": "M", "old/x.y": "M/.x.y"},
			[]string{"M/Odd/z"},
		},
		"mbsync": {mail("old/Inbox/cur/1 a", "old/x/y/cur/2 b"), mail("M/cur/9 a", "M/.x.y/cur/8 b"), "inbox+nodots", map[string]string{"old/Inbox": "M", "old/x/y": "M/.x.y"}, nil},
		"renamed by nametrans": {
			mail("old/INBOX/cur/1 a", "old/sent/cur/2 b", "old/sent/cur/3 c"), mail("M/cur/9 a", "M/.Sent Items/cur/8 b", "M/.Sent Items/cur/7 c"), "",
			map[string]string{"old/INBOX": "M", "old/sent": "M/.Sent Items"},
			nil,
		},
		"nothing at the server": {mail("old/INBOX/cur/1 a"), mail("M/cur/9 d"), "inbox", map[string]string{"old/INBOX": "M"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			for _, f := range c.here.Folders {
				if err := os.MkdirAll(filepath.Join(home, f), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			e := &config.Endpoint{Mailboxes: []config.Mailbox{{Local: "old", Remote: "M"}}}
			l, err := migrate.FindLayout(e, home, c.here, c.there)
			if err != nil {
				t.Fatal(err)
			}
			if l.Mode != c.mode || !reflect.DeepEqual(l.Remote, c.remote) || !reflect.DeepEqual(l.Unnamed, c.unnamed) {
				t.Errorf("%+v, want %s %v %v", l, c.mode, c.remote, c.unnamed)
			}
		})
	}
}

// Every local message comes into the new tree once, by the name of the server's
// copy where that has one that no other took.
func TestMake(t *testing.T) {
	t.Parallel()
	here := mail("old/cur/1,U=3:2,S a", "old/cur/2,U=4,FMD5=abc:2, b", "old/new/3:2, c", "old/cur/4:2,F c", "old/cur/5,U=9:2, e", "old/cur/6,U=9:2, f")
	here.Messages[3].Sum.Header[0], here.Messages[3].Bare[0] = 'C', 'C' // as white space is written anew
	there := mail("M/cur/t1,S=1:2, a", "M/cur/t2:2, B", "M/cur/t3:2,F c", "M/cur/5:2, g")
	l := &migrate.Layout{Remote: map[string]string{"old": "M"}}
	p := migrate.Make(here, there, l, func(f string) string { return "new" + f[len("old"):] })
	var got []string
	for _, f := range p.Files {
		to := f.To.String()
		if strings.Contains(to, ".") {
			to = "fresh"
		}
		got = append(got, fmt.Sprint(to, " ", f.How))
	}
	want := []string{"new/cur/t1,S=1:2,S 0", "new/cur/t2:2, 2", "new/new/t3 0", "new/cur/4:2,F 0", "fresh 0", "new/cur/6:2, 0"}
	if !reflect.DeepEqual(got, want) || p.Matched != 3 || p.Upload != 3 || p.Adopted != 1 {
		t.Errorf("%q, want %q; %+v", got, want, p)
	}
}

// TestRunning: the lock is another process's, as fcntl has it; one's own is none.
func TestRunning(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	for name, inTree := range map[string]bool{"of the program": false, "in a folder": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &migrate.Source{Local: t.TempDir(), FolderLocks: []string{".uidvalidity"}}
			file := filepath.Join(s.Local, "lists", ".uidvalidity")
			if !inTree {
				file = filepath.Join(t.TempDir(), "One.lock")
				s.Lock = file
			}
			if pid, _, err := s.Running(); pid != 0 || err != nil {
				t.Errorf("nobody: %d, %v", pid, err)
			}
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if pid, _, err := s.Running(); pid != 0 || err != nil {
				t.Errorf("nobody has it: %d, %v", pid, err)
			}
			holder := exec.Command(python, "-c", "import fcntl,sys\nf=open(sys.argv[1],'r+')\nfcntl.lockf(f,fcntl.LOCK_EX)\nprint('held',flush=True)\nsys.stdin.read()", file)
			in, err := holder.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := holder.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := holder.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = in.Close() // it ends then
				_ = holder.Wait()
			}()
			if _, err := io.ReadFull(out, make([]byte, 4)); err != nil {
				t.Fatal(err)
			}
			if pid, at, err := s.Running(); pid != holder.Process.Pid || at != file || err != nil {
				t.Errorf("%d, %s, %v", pid, at, err)
			}
		})
	}
}
