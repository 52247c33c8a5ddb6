package notmuch_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smd-applet/sync/fault"
	"smd-applet/sync/hooks"
	"smd-applet/sync/notmuch"
	"smd-applet/sync/synctest"
)

// person is a home with a mailbox and the real notmuch.
type person struct {
	t    testing.TB
	home string
	box  *synctest.Mailbox
	log  bytes.Buffer
}

// newPerson configures notmuch with what is given behind its defaults.
func newPerson(t testing.TB, configuration string) *person {
	t.Helper()
	if _, err := exec.LookPath("notmuch"); err != nil {
		synctest.Missing(t, "notmuch", "notmuch")
	}
	p := &person{t: t, home: t.TempDir()}
	p.box = synctest.OpenMailbox(filepath.Join(p.home, "Mail"), "person")
	if err := p.box.AddFolder("."); err != nil {
		t.Fatal(err)
	}
	p.write(".notmuch-config", "[database]\npath=Mail\n[user]\nname=A\nprimary_email=a@example.org\n"+configuration)
	return p
}

func (p *person) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.home, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// notmuch runs notmuch with the configuration at home of that name.
func (p *person) notmuch(configuration string, args ...string) string {
	p.t.Helper()
	cmd := exec.Command("notmuch", args...)
	cmd.Env = append(os.Environ(), "HOME="+p.home, "NOTMUCH_CONFIG="+filepath.Join(p.home, configuration))
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("notmuch %q: %v: %s", args, err, &said)
	}
	return string(out)
}

// known is what a database has of a message.
type known struct {
	ID    string   `json:"id"`
	Files []string `json:"filename"`
	Tags  []string `json:"tags"`
}

// database returns what notmuch knows, a line a message.
func (p *person) database(configuration string) []string {
	p.t.Helper()
	shown := p.notmuch(configuration, "show", "--format=json", "--body=false", "--entire-thread=false", "--exclude=false", "*")
	var lines []string
	var walk func(json.RawMessage)
	walk = func(raw json.RawMessage) {
		if bytes.HasPrefix(raw, []byte("[")) {
			var below []json.RawMessage
			if err := json.Unmarshal(raw, &below); err != nil {
				p.t.Fatal(err)
			}
			for _, r := range below {
				walk(r)
			}
			return
		}
		var k known
		if err := json.Unmarshal(raw, &k); err != nil {
			p.t.Fatal(err)
		}
		if k.ID != "" {
			slices.Sort(k.Files)
			slices.Sort(k.Tags)
			lines = append(lines, fmt.Sprint(k))
		}
	}
	walk(json.RawMessage(shown))
	slices.Sort(lines)
	return lines
}

// configure writes a configuration with another database for the same mailbox.
func (p *person) configure(name, database string) {
	p.t.Helper()
	configuration, err := os.ReadFile(filepath.Join(p.home, ".notmuch-config"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(name, strings.Replace(string(configuration), "path=Mail", "path="+database+"\nmail_root="+p.box.Root, 1))
}

// afresh is what a notmuch that starts from nothing makes of the mailbox.
func (p *person) afresh() []string {
	p.t.Helper()
	p.configure("afresh", p.t.TempDir())
	p.notmuch("afresh", "new", "--quiet", "--no-hooks")
	return p.database("afresh")
}

// same compares the database, as it is by now, with one made afresh.
func (p *person) same() {
	p.t.Helper()
	is, want := p.database(".notmuch-config"), p.afresh()
	if !slices.Equal(is, want) {
		p.t.Errorf("the database differs from one made afresh:\n%s", strings.Join(difference(is, want), "\n"))
	}
}

func difference(is, want []string) []string {
	var d []string
	for _, l := range is {
		if _, ok := slices.BinarySearch(want, l); !ok {
			d = append(d, "is   "+l)
		}
	}
	for _, l := range want {
		if _, ok := slices.BinarySearch(is, l); !ok {
			d = append(d, "want "+l)
		}
	}
	return d
}

func (p *person) options() notmuch.Options {
	return notmuch.Options{
		Dir: filepath.Join(p.home, "journals"), Endpoint: "default", Insert: true,
		Home: p.home, LogFile: filepath.Join(p.home, "log"), Log: slog.New(slog.NewTextHandler(&p.log, nil)),
	}
}

// update has notmuch told of changes that were made, and returns what it said.
func (p *person) update(o notmuch.Options) string {
	p.t.Helper()
	if err := notmuch.Update(p.t.Context(), o); err != nil {
		p.t.Fatalf("%v: %s", err, p.said(o))
	}
	return p.said(o)
}

func (p *person) said(o notmuch.Options) string {
	said, _ := os.ReadFile(o.LogFile)
	return string(said)
}

// run is a run whose changes are noted as a session notes them.
type run struct {
	*person
	journal *notmuch.Journal
}

// change makes a run in which do changes the mailbox.
func (p *person) change(do func(*run)) {
	p.t.Helper()
	o := p.options()
	r := &run{p, notmuch.NewJournal(o.Dir, o.Endpoint)}
	do(r)
	if err := r.journal.Close(); err != nil {
		p.t.Fatal(err)
	}
}

func (r *run) named(name string, err error) string {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	return name
}

func (r *run) added(name string, err error) string {
	r.t.Helper()
	r.journal.Add(hooks.Added, r.box.Path(r.named(name, err)), "")
	return name
}

func (r *run) renamed(what, from string, to string, err error) string {
	r.t.Helper()
	r.journal.Add(what, r.box.Path(from), r.box.Path(r.named(to, err)))
	return to
}

func (r *run) deliver(folder string) string {
	r.t.Helper()
	return r.added(r.box.Deliver(folder))
}

func (r *run) flag(message, flags string) string {
	r.t.Helper()
	to, err := r.box.Flag(message, flags)
	return r.renamed(hooks.Flagged, message, to, err)
}

func (r *run) move(message, folder string) string {
	r.t.Helper()
	to, err := r.box.Move(message, folder)
	return r.renamed(hooks.Moved, message, to, err)
}

func (r *run) remove(message string) {
	r.t.Helper()
	r.must(r.box.Delete(message))
	r.journal.Add(hooks.Removed, r.box.Path(message), "")
}

// settings are those of most people, and others.
const (
	usual = "[new]\ntags=unread;inbox;new\nignore=.uidvalidity;/^\\.Junk/\n[maildir]\nsynchronize_flags=true\n"
	plain = "[new]\ntags=unread;inbox\n[maildir]\nsynchronize_flags=false\n"
)

// filled is a person whose mailbox notmuch knows, and its messages.
func filled(t testing.TB, messages int) (*person, []string) {
	t.Helper()
	p := newPerson(t, usual)
	if _, err := synctest.Generate(p.box.Root, synctest.Options{Seed: 9, Messages: messages, Folders: 20, Tiny: true}); err != nil {
		t.Fatal(err)
	}
	p.notmuch(".notmuch-config", "new", "--quiet")
	all, err := p.box.Messages("")
	if err != nil {
		t.Fatal(err)
	}
	return p, all
}

// everyKind makes every kind of change, each to some messages.
func (r *run) everyKind(all []string) {
	r.t.Helper()
	for i := range 100 {
		r.deliver([]string{".", ".Archive", ".fresh", ".Junk"}[i%4])
	}
	for i := range 40 {
		at := all[i*len(all)/40:]
		r.flag(at[0], []string{"S", "RS", "F", ""}[i%4])
		r.move(at[1], ".moved")
		r.move(r.flag(at[2], "FS"), ".moved")
		r.remove(at[3])
		r.added(r.box.Copy(at[4], ".copied"))
		r.added(r.box.EditHeader(at[5], "X-Label", "done"))
		r.added(r.box.EditBody(at[6], "another body\n"))
	}
	// Each takes the name another has had before.
	r.remove(all[10])
	r.must(os.Rename(r.box.Path(all[11]), r.box.Path(all[10])))
	r.renamed(hooks.Moved, all[11], all[10], nil)
	content, err := os.ReadFile(r.box.Path(all[12]))
	r.must(err)
	r.must(os.WriteFile(r.box.Path(all[11]), content, 0o600))
	r.added(all[11], nil)
}

// After every kind of change the database is what notmuch makes of the mailbox
// from scratch.
func TestInsert(t *testing.T) {
	t.Parallel()
	p, all := filled(t, 2000)
	p.change(func(r *run) { r.everyKind(all) })
	if said := p.update(p.options()); !strings.Contains(said, "files added") || p.log.Len() > 0 {
		t.Errorf("notmuch said %q, the log has %s", said, &p.log)
	}
	p.same()
	// There is nothing left for notmuch new, nor for us.
	if said := p.notmuch(".notmuch-config", "new", "--no-hooks", "--full-scan"); !strings.HasPrefix(said, "No new mail.") {
		t.Errorf("notmuch new found something: %s", said)
	}
	if entries, err := os.ReadDir(p.options().Dir); err != nil || len(entries) > 0 {
		t.Errorf("left over: %v, %v", entries, err)
	}
}

// The same in a mailbox of 20,000, and how long notmuch new takes for it.
func BenchmarkInsert(b *testing.B) {
	var insert, whole time.Duration
	for b.Loop() {
		p, all := filled(b, 20_000)
		p.change(func(r *run) { r.everyKind(all) })
		copied := b.TempDir()
		if err := os.CopyFS(copied, os.DirFS(p.box.Path(".notmuch"))); err != nil {
			b.Fatal(err)
		}
		p.configure("copied", copied)
		began := time.Now()
		p.update(p.options())
		insert += time.Since(began)
		began = time.Now()
		p.notmuch("copied", "new", "--quiet")
		whole += time.Since(began)
		p.same()
	}
	b.ReportMetric(insert.Seconds()/float64(b.N), "insert-s/op")
	b.ReportMetric(whole.Seconds()/float64(b.N), "new-s/op")
}

// What a person made of a message stays with it through a rename, a move and an
// edited header; and follows flags only where the configuration has it so.
func TestTags(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		configuration       string
		arrived, seen, kept string
	}{
		"flags followed": {usual, "[inbox new unread]", "[inbox new]", "[inbox mine new]"},
		"flags alone":    {plain, "[inbox unread]", "[inbox]", "[inbox mine unread]"},
		"no tags":        {"[new]\ntags=\n[maildir]\nsynchronize_flags=false\n", "[]", "[]", "[mine]"},
		"nothing said":   {"", "[inbox unread]", "[inbox]", "[inbox mine]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPerson(t, c.configuration)
			p.notmuch(".notmuch-config", "new")
			tags := func(message string) string {
				for _, l := range p.database(".notmuch-config") {
					if strings.Contains(l, "/"+message+"] ") {
						return l[strings.LastIndex(l, "[") : len(l)-1]
					}
				}
				return "unknown"
			}
			var one, two string
			p.change(func(r *run) {
				one = r.deliver(".")
				two = r.added(r.box.Flag(r.named(r.box.Deliver(".")), "S"))
			})
			p.update(p.options())
			if tags(one) != c.arrived || tags(two) != c.seen {
				t.Errorf("arrived with %s, seen with %s", tags(one), tags(two))
			}
			p.same()
			p.notmuch(".notmuch-config", "tag", "+mine", "path:new/** and tag:unread or path:new/**")
			for _, change := range []func(*run){
				func(r *run) { one = r.flag(one, "S") },
				func(r *run) { one = r.move(one, ".work") },
				func(r *run) { one = r.added(r.box.EditHeader(one, "X-Label", "done")) },
			} {
				p.change(change)
				p.update(p.options())
				if tags(one) != c.kept {
					t.Errorf("%s has %s, want %s", one, tags(one), c.kept)
				}
			}
			p.change(func(r *run) { r.remove(one) })
			p.update(p.options())
			if got := p.database(".notmuch-config"); len(got) != 1 {
				t.Errorf("one of two is gone, and there are %q", got)
			}
		})
	}
}

// notmuch new is run where it is asked for, where files can't be named, and where
// the journal does not tell them all; a hook of notmuch's own runs each time.
func TestNew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(p *person, o *notmuch.Options)
		hook    string
		logged  bool
	}{
		"asked for":   {func(_ *person, o *notmuch.Options) { o.Insert = false }, "post-new", false},
		"files named": {func(*person, *notmuch.Options) {}, "post-insert", false},
		"no database yet": {func(p *person, _ *notmuch.Options) {
			p.must(os.RemoveAll(p.box.Path(".notmuch/xapian")))
		}, "post-new", true},
		"a pattern of its own": {func(p *person, _ *notmuch.Options) {
			p.notmuch(".notmuch-config", "config", "set", "new.ignore", `/\<junk/`)
		}, "post-new", true},
		"a run that was killed": {func(p *person, o *notmuch.Options) {
			left, err := filepath.Glob(filepath.Join(o.Dir, "default.*"))
			if err != nil || len(left) != 1 {
				p.t.Fatalf("journals: %q, %v", left, err)
			}
			p.must(os.Truncate(left[0], 0))
		}, "post-new", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPerson(t, usual)
			p.notmuch(".notmuch-config", "new")
			for _, hook := range []string{"post-new", "post-insert"} {
				p.hook(hook, "echo "+hook+" hook")
			}
			p.change(func(r *run) { r.deliver(".") })
			o := p.options()
			c.prepare(p, &o)
			if said := p.update(o); !strings.Contains(said, c.hook+" hook\n") {
				t.Errorf("notmuch said %q", said)
			}
			if logged := strings.Contains(p.log.String(), "notmuch new is run in place"); logged != c.logged {
				t.Errorf("the log has %q", &p.log)
			}
			if n := strings.TrimSpace(p.notmuch(".notmuch-config", "count", "tag:inbox")); n != "1" {
				t.Errorf("%s messages are known", n)
			}
		})
	}
}

func (p *person) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// hook makes a hook of notmuch's. The shell writes it, so that no other test
// forks while it is open here.
func (p *person) hook(name, script string) {
	p.t.Helper()
	dir := p.box.Path(".notmuch/hooks")
	p.must(os.MkdirAll(dir, 0o700))
	write := exec.Command("/bin/sh", "-c", `printf '#!/bin/sh\n%s\n' "$2" >"$1" && chmod 755 "$1"`, "sh", filepath.Join(dir, name), script)
	if out, err := write.CombinedOutput(); err != nil {
		p.t.Fatalf("%v: %s", err, out)
	}
}

// What failed is told, and done by the next update; so is what an earlier run
// left.
func TestFailure(t *testing.T) {
	t.Parallel()
	p := newPerson(t, usual)
	p.notmuch(".notmuch-config", "new")
	p.hook("post-insert", `echo not today; test -e today`)
	o := p.options()
	p.change(func(r *run) { r.deliver(".") })
	err := notmuch.Update(t.Context(), o)
	if !fault.Is(err, fault.Hook) || !strings.Contains(fault.As(err).WayOut(), o.LogFile) || !strings.Contains(p.said(o), "not today") {
		t.Errorf("%v, notmuch said %q", err, p.said(o))
	}
	p.write("today", "")
	p.change(func(r *run) { r.deliver(".") })
	other := o
	other.Endpoint = "other"
	p.update(other) // it has nothing to do with this one
	p.update(o)
	p.same()
	if said := p.update(o); !strings.Contains(said, "not today") { // nothing to do: the log is of the last time
		t.Errorf("it was run again: %q", said)
	}
}

// A journal that is written is not taken.
func TestJournalInUse(t *testing.T) {
	t.Parallel()
	p := newPerson(t, usual)
	p.notmuch(".notmuch-config", "new")
	o := p.options()
	j := notmuch.NewJournal(o.Dir, o.Endpoint)
	name, err := p.box.Deliver(".")
	p.must(err)
	j.Add(hooks.Added, p.box.Path(name), "")
	p.update(o)
	if n := len(p.database(".notmuch-config")); n != 0 {
		t.Errorf("%d messages are known before the run is over", n)
	}
	p.must(j.Close())
	p.update(o)
	p.same()
	var none *notmuch.Journal
	none.Add(hooks.Added, "/x", "")
	p.must(none.Close())
}
