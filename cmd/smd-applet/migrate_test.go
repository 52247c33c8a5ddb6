package main_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"smd-applet/desktoptest"
	"smd-applet/sync/synctest"
)

// migrateMessages is set to a number to migrate a mailbox of another size.
const migrateMessages = "SMD_APPLET_MIGRATE_MESSAGES"

// migrateReal, set to anything, has the real OfflineIMAP make the tree however long
// it takes.
const migrateReal = "SMD_APPLET_MIGRATE_REAL"

// typedIn are the commands a page has, each on a line of its own.
func typedIn(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			all = append(all, strings.TrimSpace(command))
		}
	}
	if len(all) < 3 {
		t.Fatalf("%s has only the commands %q", page, all)
	}
	return all
}

var imapFlags = map[rune]string{'S': `\Seen`, 'F': `\Flagged`, 'R': `\Answered`, 'D': `\Draft`}

// fill appends the messages of a Maildir++ by IMAP.
func (f *former) fill(from *synctest.Mailbox) {
	f.t.Helper()
	all, err := from.Messages("")
	if err != nil {
		f.t.Fatal(err)
	}
	var said bytes.Buffer
	made := make(map[string]bool)
	for i, name := range all {
		content, err := os.ReadFile(from.Path(name))
		if err != nil {
			f.t.Fatal(err)
		}
		folder := strings.TrimPrefix(filepath.Dir(filepath.Dir(name)), ".")
		if folder == "" {
			folder = "INBOX"
		} else if !made[folder] {
			made[folder] = true
			fmt.Fprintf(&said, "c%d CREATE \"%s\"\r\ns%d SUBSCRIBE \"%s\"\r\n", i, folder, i, folder)
		}
		_, letters, _ := strings.Cut(name, ":2,")
		var flags []string
		for _, f := range letters {
			if imapFlags[f] != "" {
				flags = append(flags, imapFlags[f])
			}
		}
		content = bytes.ReplaceAll(content, []byte("\n"), []byte("\r\n"))
		fmt.Fprintf(&said, "a%d APPEND \"%s\" (%s) {%d+}\r\n%s\r\n", i, folder, strings.Join(flags, " "), len(content), content)
	}
	said.WriteString("z LOGOUT\r\n")
	cmd := exec.Command(f.imap.Script)
	cmd.Stdin = &said
	out, err := cmd.Output()
	if n := bytes.Count(out, []byte("Append completed")); err != nil || n != len(all) {
		f.t.Fatalf("Dovecot took %d of %d messages: %v: %s", n, len(all), err, out[max(0, len(out)-2000):])
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// former is a laptop whose mail another program kept until now, with notmuch.
type former struct {
	*laptop
	imap  *synctest.IMAP
	tree  string // below the home
	typed int    // commands a person typed
}

// newFormer makes the server's mailbox with Dovecot, and a laptop with nothing.
func newFormer(t *testing.T, messages int) *former {
	t.Helper()
	for _, p := range []string{"notmuch"} {
		if _, err := exec.LookPath(p); err != nil {
			synctest.Missing(t, p, p)
		}
	}
	f := &former{laptop: newLaptop(t), tree: "Maildir/Anarcat"}
	if err := os.Remove(filepath.Join(f.home, ".smd", "config.default")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(f.server, "Mail")); err != nil {
		t.Fatal(err)
	}
	f.imap = synctest.NewIMAP(t, f.server, "Maildir")
	seed := synctest.OpenMailbox(filepath.Join(t.TempDir(), "seed"), "seed")
	if _, err := synctest.Generate(seed.Root, synctest.Options{Seed: 77, Messages: messages, Folders: 12, Tiny: true}); err != nil {
		t.Fatal(err)
	}
	// One in a hundred has no Message-ID.
	all, err := seed.Messages("")
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range all {
		if i%100 == 50 {
			content, err := os.ReadFile(seed.Path(name))
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, seed.Path(name), string(messageID.ReplaceAll(content, nil)))
		}
	}
	f.fill(seed)
	f.local = synctest.OpenMailbox(filepath.Join(f.home, f.tree), "laptop")
	f.there = synctest.OpenMailbox(filepath.Join(f.server, "Maildir"), "server")
	return f
}

var messageID = regexp.MustCompile(`(?im)^Message-ID:.*\n`)

// types runs a command as a person types it, and counts it.
func (f *former) types(wantStatus int, command string) string {
	f.t.Helper()
	f.typed++
	words := strings.Fields(command)
	out, err := f.run(words[0], words[1:]...)
	status := 0
	if exit, ok := err.(*exec.ExitError); ok {
		status = exit.ExitCode()
	}
	if status != wantStatus {
		f.t.Fatalf("%s: status %d, want %d: %s", command, status, wantStatus, out)
	}
	return out
}

// notmuch runs notmuch as the person has it.
func (f *former) notmuch(args ...string) string {
	f.t.Helper()
	cmd := exec.Command("notmuch", args...)
	cmd.Env, cmd.Dir = f.env, f.home
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("notmuch %q: %v: %s", args, err, out)
	}
	return string(out)
}

// offlineIMAP has the real program make the laptop's tree.
func (f *former) offlineIMAP() {
	f.t.Helper()
	if _, err := exec.LookPath("offlineimap"); err != nil {
		synctest.Missing(f.t, "offlineimap", "offlineimap3")
	}
	f.offlineIMAPConfig()
	cmd := exec.Command("offlineimap", "-o", "-k", "Account_Anarcat:postsynchook=true")
	cmd.Env = f.env
	if out, err := cmd.CombinedOutput(); err != nil {
		f.t.Fatalf("offlineimap: %v: %s", err, out)
	}
	f.imap.Owned(f.t, "root")
}

func (f *former) offlineIMAPConfig() {
	f.t.Helper()
	writeFile(f.t, filepath.Join(f.home, ".offlineimaprc"), `[general]
accounts = Anarcat
ui = quiet
# pythonfile = ~/.offlineimap.py

[Account Anarcat]
localrepository = LocalAnarcat
remoterepository = RemoteAnarcat
postsynchook = notmuch new

[Repository LocalAnarcat]
type = Maildir
localfolders = ~/Maildir/Anarcat

[Repository RemoteAnarcat]
type = IMAP
remotehost = mailhost
preauthtunnel = `+f.imap.Script+`
folderfilter = lambda name: name not in [
    'Koumbit', 'Spam.Old']
`)
	if err := os.MkdirAll(filepath.Join(f.home, "Maildir"), 0o700); err != nil {
		f.t.Fatal(err)
	}
}

// patience is how many messages OfflineIMAP is asked for, if nobody insists: it
// takes a tenth of a second for each.
const patience = 5000

// likeOfflineIMAP makes the laptop's tree as the real program does.
func (f *former) likeOfflineIMAP() {
	f.t.Helper()
	f.offlineIMAPConfig()
	f.imap.Owned(f.t, "root")
	all, err := f.there.Messages("")
	if err != nil {
		f.t.Fatal(err)
	}
	for i, name := range all {
		content, err := os.ReadFile(f.there.Path(name))
		if err != nil {
			f.t.Fatal(err)
		}
		folder := strings.TrimPrefix(filepath.Dir(filepath.Dir(name)), ".")
		if folder == "" {
			folder = "INBOX"
		}
		_, flags, _ := strings.Cut(filepath.Base(name), ":2,")
		content = bytes.Replace(content, []byte("\nReferences:\n"), []byte("\nReferences: \n"), 1)
		file := fmt.Sprintf("1525132800_%d.4242.curie,U=%d,FMD5=%x:2,%s", i%10, i+1, i, flags)
		if err := f.local.AddFolder(folder); err != nil {
			f.t.Fatal(err)
		}
		f.put(f.local.Path(filepath.Join(folder, filepath.Base(filepath.Dir(name)), file)), content)
	}
}

// live leaves the traces of years: the former program's header on part of the
// messages at either end, mail that only one end has, tags, a symbolic link, and
// a folder at the server that no IMAP server knows.
func (f *former) live() {
	f.t.Helper()
	mark := func(m *synctest.Mailbox, every, number int) {
		all, err := m.Messages("")
		if err != nil {
			f.t.Fatal(err)
		}
		for i, name := range all {
			if i%every != 0 {
				continue
			}
			content, err := os.ReadFile(m.Path(name))
			if err != nil {
				f.t.Fatal(err)
			}
			f.put(m.Path(name), marked(content, true, i%(2*every) == 0, i+number))
		}
	}
	mark(f.local, 3, 0)
	mark(f.there, 7, 100)
	for i := range 20 {
		if _, err := f.local.Deliver([]string{"INBOX", "lists.local"}[i%2]); err != nil {
			f.t.Fatal(err)
		}
		if _, err := f.there.Deliver([]string{".", ".Archive"}[i%2]); err != nil {
			f.t.Fatal(err)
		}
	}
	f.put(f.local.Path("INBOX/cur/broken:2,S"), nil)
	f.put(f.local.Path("notes.txt"), []byte("not mail\n"))
	f.put(f.there.Path("Koumbit/INBOX.Archives.2012/cur/4.mail:2,S"), []byte("Subject: kept at the server\n\n"))
	f.put(f.there.Path(".notmuch/xapian/cur/x"), []byte("Subject: no mail\n\n"))
	for _, link := range []string{f.local.Path("elsewhere"), f.there.Path("elsewhere")} {
		if err := os.Symlink(f.t.TempDir(), link); err != nil {
			f.t.Fatal(err)
		}
	}
	writeFile(f.t, filepath.Join(f.home, ".notmuch-config"), "[database]\npath="+filepath.Join(f.home, "Maildir")+"\n[user]\nname=me\nprimary_email=me@example.org\n[new]\ntags=unread;inbox\n[maildir]\nsynchronize_flags=true\n")
	f.notmuch("new", "--quiet")
	f.notmuch("tag", "-inbox", "+old", "--", "*")
	f.notmuch("tag", "+friends", "--", "subject:Re")
	f.put(filepath.Join(f.home, "Maildir/.notmuch/hooks/post-new"), []byte("#!/bin/sh\ntouch \"$HOME/hook-ran\"\n"))
	run(f.t, "chmod", "700", filepath.Join(f.home, "Maildir/.notmuch/hooks/post-new"))
}

// oldTree is every file of the old tree: where it is, what is in it, its time.
func (f *former) oldTree() map[string]string {
	f.t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(f.local.Root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		st, err := e.Info()
		all[path] = fmt.Sprint(digestOf(content), st.ModTime(), st.Mode())
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return all
}

// bare is a census by the server's folder names and without the former program's
// header: what must be kept.
func (f *former) bare(root string) synctest.Census {
	f.t.Helper()
	copied := filepath.Join(f.t.TempDir(), "bare")
	named := make(synctest.Census)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if e.IsDir() && (e.Name() == ".notmuch" || e.Name() == "Koumbit") {
			return fs.SkipDir
		}
		if sub := filepath.Base(filepath.Dir(path)); !e.Type().IsRegular() || sub != "cur" && sub != "new" {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil || len(content) == 0 {
			return err
		}
		header, body, _ := bytes.Cut(content, []byte("\n\n"))
		header = offlineHeader.ReplaceAll(append(header, '\n'), nil)
		header = append(blanks.ReplaceAll(bytes.ReplaceAll(bytes.TrimSpace(header), []byte("\n"), []byte(" \n")), []byte(" ")), '\n')
		f.put(filepath.Join(copied, rel), bytes.Join([][]byte{header, body}, []byte("\n")))
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	all, err := synctest.TakeCensus(copied)
	if err != nil {
		f.t.Fatal(err)
	}
	for folder, messages := range all {
		if folder == "INBOX" {
			folder = "."
		} else if !strings.HasPrefix(folder, ".") {
			folder = "." + folder
		}
		named[folder] = append(named[folder], messages...)
	}
	return named
}

// blanks are where a program that writes a header anew may put others.
var blanks = regexp.MustCompile(`[ \t]*\n[ \t]+|[ \t]+`)

var offlineHeader = regexp.MustCompile(`(?im)^X-(OfflineIMAP|TUID):.*\n(?:[ \t].*\n)*`)

// contentID is what notmuch calls a message without a Message-ID: by its content,
// which changes with its header.
var contentID = regexp.MustCompile(`id:notmuch-sha1-\w+`)

// tags are the tags of all messages but those that have just the new ones.
func (f *former) tags() []string {
	f.t.Helper()
	var all []string
	for line := range strings.Lines(f.notmuch("dump")) {
		if strings.Contains(line, "+old") {
			all = append(all, contentID.ReplaceAllString(line, "by content"))
		}
	}
	slices.Sort(all)
	return all
}

// The write-up's procedures as one: what a real OfflineIMAP made of a real
// Dovecot's mailbox is taken over, by four commands at most.
func TestMigrateOfflineIMAP(t *testing.T) {
	t.Parallel()
	for layout, messages := range map[string]int{"keep": 150, "server": 80} {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			if n, err := strconv.Atoi(os.Getenv(migrateMessages)); err == nil {
				messages = n
			}
			f := newFormer(t, messages)
			if messages > patience && os.Getenv(migrateReal) == "" {
				f.likeOfflineIMAP()
			} else {
				f.offlineIMAP()
			}
			f.live()
			before, old, tags := f.oldTree(), f.bare(f.local.Root), f.tags()
			want := union(old, f.bare(f.there.Root))

			for _, command := range typedIn(t, "leaving-offlineimap.md") {
				if strings.Contains(command, " migrate ") {
					command += " --layout " + layout
				}
				t.Log(command + "\n" + f.types(0, command))
			}
			if f.typed > 5 {
				t.Errorf("a person types %d commands", f.typed)
			}
			f.proves(before, want, tags)
			for _, d := range []string{"smd-pull -d", "smd-push -d"} {
				if said := f.types(0, d); !strings.Contains(said, "would change: 0 new, 0 deleted, 0 moved, 0 flagged, 0 edited") {
					t.Errorf("%s: %s", d, said)
				}
			}
		})
	}
}

// proves looks at the end of a migration with the tests' own eyes.
func (f *former) proves(before map[string]string, want synctest.Census, tags []string) {
	f.t.Helper()
	fresh := filepath.Join(f.home, f.tree+"-smd")
	for where, census := range map[string]synctest.Census{"here": f.bare(fresh), "there": f.bare(f.there.Root)} {
		if d := synctest.Diff(want, census); d != "" {
			f.t.Errorf("%s: what both ends had together is not there:\n%.3000s", where, d)
		}
	}
	if after := f.oldTree(); len(after) != len(before) {
		f.t.Errorf("the old tree has %d files, had %d", len(after), len(before))
	} else {
		for path, was := range before {
			if after[path] != was {
				f.t.Fatalf("the old tree changed: %s", path)
			}
		}
	}
	if now := f.tags(); !slices.Equal(now, tags) {
		f.t.Errorf("%d messages have the old tags, had %d", len(now), len(tags))
	}
	if root := strings.TrimSpace(f.notmuch("config", "get", "database.path")); root != fresh {
		f.t.Errorf("notmuch looks after %s", root)
	}
	if files := f.notmuch("search", "--output=files", "*"); strings.Contains(files, f.local.Root+"/") {
		f.t.Error("notmuch knows files of the old tree")
	}
	if cruft, err := filepath.Glob(filepath.Join(fresh, "*dovecot*")); err != nil || len(cruft) > 0 {
		f.t.Errorf("%v: there is %q", err, cruft)
	}
}

// mbsync has the real program make the laptop's tree.
func (f *former) mbsync() {
	f.t.Helper()
	if _, err := exec.LookPath("mbsync"); err != nil {
		synctest.Missing(f.t, "mbsync", "isync")
	}
	// Through pipes: on a socket Dovecot awaits a login process. They end with a LOGOUT.
	writeFile(f.t, filepath.Join(f.home, ".mbsyncrc"), `IMAPAccount mailhost
Tunnel "sed -u /LOGOUT/q | `+f.imap.Script+` | cat"

IMAPStore far
Account mailhost

MaildirStore near
Path ~/Mail/
Inbox ~/Mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Near
SyncState *
`)
	if err := os.MkdirAll(filepath.Join(f.home, "Mail"), 0o700); err != nil {
		f.t.Fatal(err)
	}
	cmd := exec.Command("mbsync", "-a")
	cmd.Env = f.env
	if out, err := cmd.CombinedOutput(); err != nil {
		f.t.Fatalf("mbsync: %v: %s", err, out)
	}
	f.imap.Owned(f.t, "root")
}

// refusedWhileMbsyncRuns has a real mbsync in the middle of its work, and nothing
// is migrated meanwhile.
func (f *former) refusedWhileMbsyncRuns(command string) {
	f.t.Helper()
	usual, err := os.ReadFile(filepath.Join(f.home, ".mbsyncrc"))
	if err != nil {
		f.t.Fatal(err)
	}
	held := filepath.Join(f.t.TempDir(), "held")
	rc := filepath.Join(f.home, "held.rc")
	writeFile(f.t, rc, strings.Replace(string(usual), "sed -u /LOGOUT/q", "sed -u '/ SELECT /e touch "+held+"; exec sleep 600'", 1))
	f.imap.Owned(f.t, "nobody")
	cmd := exec.Command("mbsync", "-c", rc, "-a")
	cmd.Env = f.env
	running := desktoptest.Launch(f.t, cmd)
	desktoptest.Until(f.t, "mbsync is at work", func() bool {
		select {
		case <-running.Ended():
			f.t.Fatalf("mbsync: %s", running.Output())
		default:
		}
		_, err := os.Stat(held)
		return err == nil
	})
	if said := f.types(1, command); !strings.Contains(said, "works on the old mailbox") {
		f.t.Errorf("while mbsync runs: %s", said)
	}
	running.Stop()
	f.imap.Owned(f.t, "root")
	if err := os.Remove(rc); err != nil {
		f.t.Fatal(err)
	}
}

// seen is a census by the server's folder names in which nothing is new: a server
// that was looked at by IMAP has it all in cur, mbsync has not.
func seen(c synctest.Census) synctest.Census {
	all := make(synctest.Census)
	for folder, messages := range c {
		for i := range messages {
			messages[i].New = false
		}
		all[strings.ReplaceAll(folder, "/", ".")] = messages
	}
	return all
}

// What a real mbsync made of a real Dovecot's mailbox, in folders within each
// other. The first run is killed while the new tree grows.
func TestMigrateMbsync(t *testing.T) {
	t.Parallel()
	f := newFormer(t, 150)
	f.tree = "Mail"
	f.local = synctest.OpenMailbox(filepath.Join(f.home, f.tree), "laptop")
	f.mbsync()
	commands := typedIn(t, "leaving-mbsync.md")
	f.refusedWhileMbsyncRuns(commands[1])
	old := seen(f.bare(f.local.Root))
	before := f.oldTree()
	first := exec.Command(filepath.Join(f.bin, "smd-applet"), strings.Fields(commands[2])[1:]...)
	first.Env = f.env
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	desktoptest.Until(t, "the new tree grows", func() bool {
		growing, err := filepath.Glob(filepath.Join(f.home, "Mail-smd*", "*", "cur", "*"))
		return err == nil && len(growing) > 0
	})
	_ = first.Process.Kill() // it may have ended
	_ = first.Wait()
	for _, command := range commands {
		t.Log(command + "\n" + f.types(0, command))
	}
	if d := synctest.Diff(old, seen(f.bare(filepath.Join(f.home, "Mail-smd")))); d != "" {
		t.Errorf("here:\n%.3000s", d)
	}
	if d := synctest.Diff(old, seen(f.bare(f.there.Root))); d != "" {
		t.Errorf("there:\n%.3000s", d)
	}
	for path, was := range f.oldTree() {
		if before[path] != was {
			t.Fatalf("the old tree changed: %s", path)
		}
	}
	if uids, err := filepath.Glob(filepath.Join(f.home, "Mail-smd", "*", "cur", "*,U=*")); err != nil || len(uids) > 0 {
		t.Errorf("%v: names are still mbsync's: %q", err, uids)
	}
	if said := f.types(0, "smd-pull -d"); !strings.Contains(said, "would change: 0 new, 0 deleted") {
		t.Error(said)
	}
}

// Where syncmaildir is set up its files are used as they are.
func TestFromSyncmaildir(t *testing.T) {
	t.Parallel()
	f := &former{laptop: newLaptop(t)}
	f.configure("SERVERNAME=mailhost\nCLIENTNAME=laptop-test\nMAILBOX=Mail\nPROTOCOL=1.3\n")
	if _, err := f.there.Deliver("."); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(f.local.Root, 0o700); err != nil {
		t.Fatal(err)
	}
	f.types(0, "smd-pull")
	writeFile(t, filepath.Join(f.home, ".smd", "workarea", "left"), "")
	for _, command := range typedIn(t, "from-syncmaildir.md") {
		said := f.types(0, command)
		for what, want := range map[string][]string{
			"migrate":   {"this program", "goes on from", "workarea is of no use"},
			"--dry-run": {"would change: 0 new"},
			"census":    {"1 messages: both ends have the same"},
		} {
			for _, w := range want {
				if strings.Contains(command, what) && !strings.Contains(said, w) {
					t.Errorf("%s does not say %q: %s", command, w, said)
				}
			}
		}
	}
}
