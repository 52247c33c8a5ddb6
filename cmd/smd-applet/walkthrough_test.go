package main_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smd-applet/sync/synctest"
)

const offlineIMAP = "X-OfflineIMAP"

// A mailbox that OfflineIMAP kept on both machines is taken over, the way people
// have published for syncmaildir: strip its header on both sides, make the names
// uniform, pull and push. Folders are named by dots there and not here, INBOX is
// the root there, and what is no mail lies in between. Nothing may be doubled,
// nothing deleted, and then nothing is left to do.
func TestWalkThrough(t *testing.T) {
	t.Parallel()
	for protocol, messages := range map[string]int{"auto": 2000, "1.3": 500} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			walkThrough(t, protocol, messages)
		})
	}
}

func walkThrough(t *testing.T, protocol string, messages int) {
	t.Helper()
	l := newLaptop(t)
	l.configure(`SERVERNAME=mailhost
CLIENTNAME=curie-anarcat
MAILBOX_LOCAL=Maildir-smd
MAILBOX_REMOTE=Maildir-smd
TRANSLATOR_RL="smd-translate -m inbox+oimap-dovecot -d RL default"
TRANSLATOR_LR="smd-translate -m inbox+oimap-dovecot -d LR default"
EXCLUDE="$MAILBOX_LOCAL/.notmuch/hooks/* $MAILBOX_LOCAL/.notmuch/xapian/*"
EXCLUDE_REMOTE=Maildir-smd/Koumbit/
PROTOCOL=` + protocol + "\n")
	l.local = synctest.OpenMailbox(filepath.Join(l.home, "Maildir-smd"), "laptop")
	l.there = synctest.OpenMailbox(filepath.Join(l.server, "Maildir-smd"), "server")
	if _, err := synctest.Generate(l.there.Root, synctest.Options{Seed: 21, Messages: messages, Folders: 18, Tiny: true}); err != nil {
		t.Fatal(err)
	}
	onlyThere := l.copyAsOfflineIMAP()
	const onlyHere = 25
	for i := range onlyHere {
		if _, err := l.local.Deliver([]string{"INBOX", "lists.local"}[i%2]); err != nil {
			t.Fatal(err)
		}
	}
	noMail := l.addWhatIsNoMail()

	// On both machines, as somebody at home there. Names, flags and times stay.
	l.stripHeaders(l.home, l.local)
	l.stripHeaders(l.server, l.there)
	here, there := l.census(l.local), l.census(l.there)
	want := union(here, there)

	l.says("", "smd-uniform-names", "-v")
	rename := exec.Command("sh", "-x", "smd-rename.sh")
	rename.Dir, rename.Env = l.home, l.env
	if out, err := rename.CombinedOutput(); err != nil {
		t.Fatalf("smd-rename.sh: %v: %s", err, out)
	}
	if d := synctest.Diff(here, l.census(l.local)); d != "" {
		t.Fatalf("the renames changed more than names:\n%s", d)
	}

	l.says(fmt.Sprintf("would change: %d new, 0 deleted, 0 moved, ", onlyThere), "smd-pull", "--dry-run")
	l.sync()
	for _, end := range []*synctest.Mailbox{l.local, l.there} {
		if d := synctest.Diff(want, l.census(end)); d != "" {
			t.Errorf("%s:\n%s", end.Root, d)
		}
	}
	if d := synctest.DiffNames(l.census(l.there), l.census(l.local)); d != "" {
		t.Errorf("the two sides:\n%s", d)
	}

	const nothing = "TAGS: stats::new-mails(0), del-mails(0), bytes-received(0)"
	l.says(nothing, "smd-pull", "-s")
	l.says(nothing, "smd-push", "-s")
	l.says("would change: 0 new, 0 deleted, 0 moved, 0 flagged, 0 edited, 0 bytes", "smd-pull", "-d")
	l.says("would change: 0 new, 0 deleted, 0 moved, 0 flagged, 0 edited, 0 bytes", "smd-push", "-d")
	for path, content := range noMail {
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("%s is now %q, %v", path, got, err)
		}
	}
	for _, dir := range []string{filepath.Join(l.server, "Maildir-smd/.notmuch/here"), filepath.Join(l.home, "Maildir-smd/Koumbit"), filepath.Join(l.home, ".smd/workarea")} {
		if _, err := os.Lstat(dir); err == nil {
			t.Errorf("%s has come to be", dir)
		}
	}
}

// says runs a program of ours, which has to end well and say something.
func (l *laptop) says(what, program string, args ...string) {
	l.t.Helper()
	if out, err := l.run(program, args...); err != nil || !strings.Contains(out, what) {
		l.t.Fatalf("%s %q: %v: want %q in\n%s", program, args, err, what, out)
	}
}

// copyAsOfflineIMAP makes the laptop's copy of most of the server's messages:
// other folder and file names, and a header on part of them, on either side. It
// returns how many were left out.
func (l *laptop) copyAsOfflineIMAP() (leftOut int) {
	l.t.Helper()
	all, err := l.there.Messages("")
	if err != nil {
		l.t.Fatal(err)
	}
	for i, name := range all {
		content, err := os.ReadFile(l.there.Path(name))
		if err != nil {
			l.t.Fatal(err)
		}
		if i%10 == 0 {
			content = append(content, offlineIMAP+": is what this is about\n\n"+offlineIMAP+": indeed\n"...)
		}
		l.put(l.there.Path(name), marked(content, i%3 == 0, i%6 == 0, i))
		if i%50 == 7 {
			leftOut++
			continue
		}
		folder, file := filepath.Split(name)
		folder, sub := filepath.Split(filepath.Clean(folder))
		folder = strings.TrimPrefix(filepath.Clean(folder), ".")
		if folder == "" {
			folder = "INBOX"
		}
		_, flags, seen := strings.Cut(file, ":2,")
		if seen && i%97 == 3 && !strings.Contains(flags, "F") {
			flags += "F" // starred on the laptop only
		}
		file = fmt.Sprintf("1525132800_%d.4242.curie,U=%d,FMD5=%x", i, i+1, i)
		if seen {
			file += ":2," + flags
		}
		if err := l.local.AddFolder(folder); err != nil {
			l.t.Fatal(err)
		}
		l.put(l.local.Path(filepath.Join(folder, sub, file)), marked(content, i%2 == 0, i%4 == 0, 2*i))
	}
	return leftOut
}

// marked puts OfflineIMAP's header into a message, folded or not.
func marked(message []byte, mark, folded bool, number int) []byte {
	if !mark {
		return message
	}
	header := fmt.Sprintf("%s: %d-curie\n", offlineIMAP, number)
	if folded {
		header = fmt.Sprintf("x-offlineimap: %d\n\t-%d\n -curie\n", number, number)
	}
	first, rest, _ := bytes.Cut(message, []byte("\n"))
	return bytes.Join([][]byte{first, []byte("\n" + header), rest}, nil)
}

func (l *laptop) put(path string, content []byte) {
	l.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		l.t.Fatal(err)
	}
	then := time.Unix(1525132800, 123456789)
	if err := os.Chtimes(path, then, then); err != nil {
		l.t.Fatal(err)
	}
}

// addWhatIsNoMail puts excluded folders and links into both mailboxes, and
// returns what has to stay as it is.
func (l *laptop) addWhatIsNoMail() map[string]string {
	l.t.Helper()
	stays := make(map[string]string)
	for _, home := range []string{l.home, l.server} {
		for path, content := range map[string]string{
			"Maildir-smd/.notmuch/hooks/post-new":      "#!/bin/sh\n",
			"Maildir-smd/.notmuch/hooks/cur/1.mail":    "Subject: no mail\n\n" + home,
			"Maildir-smd/.notmuch/xapian/postlist":     "binary",
			"Maildir-smd/.notmuch/xapian/new/2.mail":   "Subject: no mail\n\n" + home,
			"elsewhere/cur/3.mail":                     "Subject: not in the mailbox\n\n",
			"elsewhere/dotfiles/notmuch/hooks/pre-new": "#!/bin/sh\n",
		} {
			l.put(filepath.Join(home, path), []byte(content))
			stays[filepath.Join(home, path)] = content
		}
		for link, to := range map[string]string{
			"Maildir-smd/.notmuch/hooks/pre-new": "../../../elsewhere/dotfiles/notmuch/hooks/pre-new",
			"Maildir-smd/linked":                 "../elsewhere",
			"Maildir-smd/dangling":               "nowhere",
		} {
			if err := os.Symlink(to, filepath.Join(home, link)); err != nil {
				l.t.Fatal(err)
			}
		}
	}
	koumbit := l.there.Path("Koumbit/INBOX.Archives.2012/cur/4.mail")
	l.put(koumbit, []byte("Subject: kept at the server\n\n"))
	stays[koumbit] = "Subject: kept at the server\n\n"
	return stays
}

// stripHeaders runs smd-strip-header at home, and checks that only the header
// went, and only from the header part.
func (l *laptop) stripHeaders(home string, m *synctest.Mailbox) {
	l.t.Helper()
	all, err := m.Messages("")
	if err != nil {
		l.t.Fatal(err)
	}
	before, bodies := make(map[string]os.FileInfo), make(map[string][]byte)
	for _, name := range all {
		if before[name], err = os.Stat(m.Path(name)); err != nil {
			l.t.Fatal(err)
		}
		content, err := os.ReadFile(m.Path(name))
		if err != nil {
			l.t.Fatal(err)
		}
		_, bodies[name], _ = bytes.Cut(content, []byte("\n\n"))
	}
	cmd := exec.Command(filepath.Join(l.bin, "smd-strip-header"), "Maildir-smd/")
	cmd.Dir, cmd.Env = home, append(os.Environ(), "HOME="+home)
	if out, err := cmd.CombinedOutput(); err != nil {
		l.t.Fatalf("smd-strip-header: %v: %s", err, out)
	}
	for name, was := range before {
		now, err := os.Stat(m.Path(name))
		if err != nil || !now.ModTime().Equal(was.ModTime()) || now.Mode() != was.Mode() {
			l.t.Fatalf("%s was of %s, %s, and is %v: %v", name, was.ModTime(), was.Mode(), now, err)
		}
		content, err := os.ReadFile(m.Path(name))
		if err != nil {
			l.t.Fatal(err)
		}
		header, body, _ := bytes.Cut(content, []byte("\n\n"))
		if !bytes.Equal(body, bodies[name]) {
			l.t.Fatalf("%s: the body was changed to\n%s", name, body)
		}
		if bytes.Contains(bytes.ToLower(header), []byte("offlineimap")) || bytes.Contains(header, []byte("-curie")) {
			l.t.Fatalf("%s has still the header:\n%s", name, header)
		}
	}
}

// census is a mailbox by the server's folder names, without what is no mail.
func (l *laptop) census(m *synctest.Mailbox) synctest.Census {
	l.t.Helper()
	all, err := synctest.TakeCensus(m.Root)
	if err != nil {
		l.t.Fatal(err)
	}
	named := make(synctest.Census)
	for folder, messages := range all {
		switch {
		case strings.HasPrefix(folder, ".notmuch"), strings.HasPrefix(folder, "Koumbit"):
			continue
		case folder == "INBOX":
			folder = "."
		case !strings.HasPrefix(folder, "."):
			folder = "." + folder
		}
		named[folder] = messages
	}
	return named
}

// union is what two sides have together: of each content in a folder as many as
// the side that has more of it.
func union(a, b synctest.Census) synctest.Census {
	sum := make(synctest.Census)
	type content struct {
		folder string
		sum    [sha256.Size]byte
	}
	has := make(map[content]int)
	for folder, messages := range a {
		sum[folder] = append(sum[folder], messages...)
		for _, m := range messages {
			has[content{folder, m.Content}]++
		}
	}
	for folder, messages := range b {
		for _, m := range messages {
			if c := (content{folder, m.Content}); has[c] > 0 {
				has[c]--
			} else {
				sum[folder] = append(sum[folder], m)
			}
		}
	}
	return sum
}
