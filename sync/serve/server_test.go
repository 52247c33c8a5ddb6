package serve_test

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smd-applet/sync/delta"
	"smd-applet/sync/fault"
	"smd-applet/sync/guard"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
	"smd-applet/sync/serve"
	"smd-applet/sync/translate"
	"smd-applet/sync/vcdiff"
	"smd-applet/sync/wire/smd1"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// message is one of the agreed state, or of the mailbox.
type message struct{ name, header, body string }

func (m message) hashes() string { return hash(m.header) + " " + hash(m.body) }

func hash(s string) string { return fmt.Sprintf("%x", sha1.Sum([]byte(s))) }

// lines are messages as a db-file has them.
func lines(messages ...message) string {
	var s strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&s, "%s %s\n", m.hashes(), m.name)
	}
	return s.String()
}

// end is a home with mailbox "Mail" that serves.
type end struct {
	t     *testing.T
	home  string
	files index.Files
	opt   serve.Options
}

// newEnd is an end whose mailbox has messages, and agreed on some before.
func newEnd(t *testing.T, agreed, has []message) *end {
	t.Helper()
	home := t.TempDir()
	for _, dir := range []string{".smd", "Mail/cur", "Mail/new", "Mail/tmp"} {
		check(t, os.MkdirAll(filepath.Join(home, dir), 0o700))
	}
	e := &end{t: t, home: home, files: index.Files{DB: filepath.Join(home, ".smd/pair__Mail.db.txt")}}
	if len(agreed) > 0 {
		e.write(".smd/pair__Mail.db.txt", lines(agreed...))
	}
	for _, m := range has {
		e.write(m.name, m.header+m.body)
	}
	e.opt = serve.Options{Store: openStore(t, home), Files: e.files}
	return e
}

func openStore(t *testing.T, home string) *maildir.Store {
	t.Helper()
	s, err := maildir.Open(home, []maildir.Box{{Local: "Mail", Remote: "Mail"}}, translate.Identity(), false)
	check(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func (e *end) write(name, content string) {
	e.t.Helper()
	path := filepath.Join(e.home, name)
	check(e.t, os.MkdirAll(filepath.Dir(path), 0o700))
	check(e.t, os.WriteFile(path, []byte(content), 0o600))
}

func (e *end) read(name string) string {
	e.t.Helper()
	b, err := os.ReadFile(filepath.Join(e.home, name))
	check(e.t, err)
	return string(b)
}

// state is the files of ~/.smd by what follows the db-file's name.
func (e *end) state() map[string]string {
	e.t.Helper()
	paths, err := filepath.Glob(e.files.DB + "*")
	check(e.t, err)
	state := make(map[string]string)
	for _, p := range paths {
		state[strings.TrimPrefix(p, e.files.DB)] = e.read(filepath.Join(".smd", filepath.Base(p)))
	}
	return state
}

// serve runs one run against a client that agrees and then says the given lines.
// It returns what the client hears behind the handshake.
func (e *end) serve(client string) (string, *serve.Result, error) {
	e.t.Helper()
	ledger, err := guard.LoadLedger(e.files.DB + ".held.json")
	check(e.t, err)
	e.opt.Ledger = ledger
	var out bytes.Buffer
	db, fresh, err := e.files.Digests()
	check(e.t, err)
	const hello = "protocol 1.3\ndbfile %s %s\n"
	result, err := serve.Run(e.t.Context(), smd1.NewConn(struct {
		io.Reader
		io.Writer
	}{strings.NewReader(fmt.Sprintf(hello, db, "-") + client), &out}), e.opt)
	said, ok := strings.CutPrefix(out.String(), fmt.Sprintf(hello, db, fresh))
	if !ok {
		e.t.Fatalf("heard %q in place of a handshake", out.String())
	}
	return said, result, err
}

// patched applies the patch that ends what a server said.
func patched(t *testing.T, old, said string) string {
	t.Helper()
	at := strings.LastIndex(said, "chunk ")
	if at < 0 {
		t.Fatalf("no patch in %q", said)
	}
	_, chunk, err := smd1.NewConn(struct {
		io.Reader
		io.Writer
	}{strings.NewReader(said[at:]), io.Discard}).ReadChunk()
	check(t, err)
	var fresh bytes.Buffer
	check(t, vcdiff.Decode(&fresh, strings.NewReader(old), int64(len(old)), chunk, vcdiff.Limits{}))
	return fresh.String()
}

var (
	one   = message{"Mail/cur/1:2,S", "Subject: one\n\n", "first body\n"}
	two   = message{"Mail/new/2", "Subject: two\n\n", "second body\n"}
	three = message{"Mail/a/cur/3:2,", "Subject: three\n\n", ""}
	four  = message{"Mail/my folder/cur/4:2,", "Subject: four\n\n", "100%\n\n"}
	five  = message{"Mail/a/cur/5:2,", "Subject: five\n\n", "fifth body\n"}
)

// A run in which each sort of change happened, by smd 1.3, spec §2 to §5.
func TestRun(t *testing.T) {
	t.Parallel()
	var (
		read     = message{"Mail/cur/2:2,S", two.header, two.body}
		twin     = message{"Mail/cur/5:2,", one.header, one.body}
		again    = message{"Mail/my folder/cur/6", "Subject: six\n\n", four.body}
		fresh    = message{"Mail/new/7", "Subject: new\n\n", "\nnew\n"}
		labelled = message{one.name, "Subject: one\nX-Label: done\n\n", one.body}
		edited   = message{four.name, four.header, "other"}
	)
	agreed := []message{five, four, two, one, three}
	e := newEnd(t, agreed, []message{five, labelled, edited, read, twin, again, fresh, {"Mail/new/8", "no empty line\n", ""}, {"Mail/new/9", "", ""}})
	said, result, err := e.serve("GET Mail/new/7\nGETHEADER Mail/cur/1:2,S\nGETBODY Mail/my folder/cur/4:2,\nGETBODY Mail/new/2\nCOMMIT\nDONE\n")
	check(t, err)

	changes, rest, _ := strings.Cut(said, "END\n")
	deletion := "DELETE Mail/a/cur/3:2, " + three.hashes() + "\n"
	want := []string{
		"ADD Mail/new/7 " + fresh.hashes() + "\n",
		"COPY Mail/cur/1:2,S " + one.hashes() + " TO Mail/cur/5:2,\n",
		"COPYBODY Mail/my%20folder/cur/4:2, " + hash(four.body) + " TO Mail/my%20folder/cur/6 " + hash(again.header) + "\n",
		deletion,
		"MOVE Mail/new/2 " + two.hashes() + " TO Mail/cur/2:2,S\n",
		"REPLACE Mail/my%20folder/cur/4:2, " + four.hashes() + " WITH " + edited.hashes() + "\n",
		"REPLACEHEADER Mail/cur/1:2,S " + one.hashes() + " WITH " + hash(labelled.header) + "\n",
	}
	if heard := slices.Sorted(strings.Lines(changes)); !slices.Equal(heard, want) {
		t.Errorf("changes\n%q\nwant\n%q", heard, want)
	}
	if !strings.HasSuffix(changes, deletion) {
		t.Errorf("the deletion is not last in\n%s", changes)
	}
	const answers = "chunk 19\nSubject: new\n\n\nnew\n" + "chunk 28\nSubject: one\nX-Label: done\n\n" + "chunk 5\nother" + "ABORT\n" + "chunk "
	if !strings.HasPrefix(rest, answers) {
		t.Errorf("answers\n%q\nwant\n%q", rest, answers)
	}

	// What is left keeps its order; what is new or changed comes behind it.
	db := e.state()[""]
	if got := slices.Collect(strings.Lines(db)); len(got) != 7 || got[0] != lines(five) {
		t.Errorf("the new state is\n%s", db)
	}
	if got, want := slices.Sorted(strings.Lines(db)), slices.Sorted(strings.Lines(lines(five, labelled, edited, read, twin, again, fresh))); !slices.Equal(got, want) {
		t.Errorf("the new state is\n%q\nwant\n%q", got, want)
	}
	if got := patched(t, lines(agreed...), said); got != db {
		t.Errorf("the patch makes\n%s\nwant\n%s", got, db)
	}
	if want := (delta.Counts{New: 3, Deleted: 1, Flagged: 1, Edited: 2}); result.Counts != want || !result.Committed || result.Bytes != 19+28+5 {
		t.Errorf("result %+v", result)
	}

	// And then there is nothing to say.
	said, result, err = e.serve("COMMIT\nDONE\n")
	if err != nil || !strings.HasPrefix(said, "END\nchunk ") || result.Counts != (delta.Counts{}) || e.state()[""] != db || patched(t, db, said) != db {
		t.Errorf("the next run: %q, %+v, %v", said, result, err)
	}
}

// A client gets messages of the mailboxes, and nothing else.
func TestRequests(t *testing.T) {
	t.Parallel()
	e := newEnd(t, nil, []message{one, four})
	e.opt.Excluded = func(local string) bool { return local == "Mail/private" }
	const secret = "Subject: secret\n\nsecret\n"
	for _, name := range []string{"secret/cur/1", ".ssh/cur/1", "Mail2/cur/1", "Mail/private/cur/1", "Mail/private/sub/cur/1", "Mail/tmp/1", "Mail/1"} {
		e.write(name, secret)
	}
	e.write("Mail/cur/crlf", "Subject: one\r\n\r\nbody\r\n")
	check(t, os.Symlink("../secret", filepath.Join(e.home, "Mail/out")))
	check(t, os.Symlink("../../secret/cur/1", filepath.Join(e.home, "Mail/cur/out")))
	check(t, os.Mkdir(filepath.Join(e.home, "Mail/cur/dir"), 0o700))
	for request, want := range map[string]string{
		"GET Mail/cur/1:2,S":                       "chunk 25\nSubject: one\n\nfirst body\n",
		"GETHEADER Mail/cur/1:2,S":                 "chunk 14\nSubject: one\n\n",
		"GETBODY Mail/cur/1:2,S":                   "chunk 11\nfirst body\n",
		"GET Mail/my folder/cur/4:2,":              "chunk 21\nSubject: four\n\n100%\n\n",
		"GET Mail/my%20folder/cur/4:2,":            "ABORT\n", // names are raw here
		"GET Mail/cur/none":                        "ABORT\n",
		"GET secret/cur/1":                         "ABORT\n",
		"GET Mail/../secret/cur/1":                 "ABORT\n",
		"GET " + e.home + "/secret/cur/1":          "ABORT\n",
		"GET ./Mail/cur/1:2,S":                     "ABORT\n",
		"GET Mail2/cur/1":                          "ABORT\n",
		"GET .ssh/cur/1":                           "ABORT\n",
		"GET Mail/tmp/1":                           "ABORT\n",
		"GET Mail/1":                               "ABORT\n",
		"GET Mail/out/cur/1":                       "ABORT\n",
		"GET Mail/cur/out":                         "ABORT\n",
		"GETBODY Mail/cur/out":                     "ABORT\n",
		"GET Mail/cur/dir":                         "ABORT\n",
		"GET Mail/private/cur/1":                   "ABORT\n",
		"GET Mail/private/sub/cur/1":               "ABORT\n",
		"GET ":                                     "ABORT\n",
		"GET Mail/cur/1:2,S\x00":                   "ABORT\n",
		"GET Mail/cur/" + strings.Repeat("x", 300): "ABORT\n",
		"GETHEADER Mail/cur/crlf":                  "ABORT\n", // no header of a message
	} {
		said, _, err := e.serve(request + "\nCOMMIT\nDONE\n")
		_, answer, _ := strings.Cut(said, "END\n")
		if err != nil || !strings.HasPrefix(answer, want+"chunk ") {
			t.Errorf("%.60q: %q, %v, want %q", request, answer, err, want)
		}
	}
}

// Requests are pipelined: many may be under way, and are answered in order.
func TestManyRequests(t *testing.T) {
	t.Parallel()
	const n = 500
	var has []message
	var ask, want strings.Builder
	for i := range n {
		m := message{fmt.Sprintf("Mail/cur/%d", i), fmt.Sprintf("Subject: %d\n\n", i), strings.Repeat("x", i*37%5000)}
		has = append(has, m)
		fmt.Fprintf(&ask, "GET %s\n", m.name)
		fmt.Fprintf(&want, "chunk %d\n%s%s", len(m.header+m.body), m.header, m.body)
	}
	said, result, err := newEnd(t, nil, has).serve(ask.String() + "COMMIT\nDONE\n")
	if err != nil || result.Counts.New != n || result.Bytes == 0 {
		t.Errorf("%+v, %v", result.Counts, err)
	}
	if _, answers, _ := strings.Cut(said, "END\n"); !strings.HasPrefix(answers, want.String()+"chunk ") {
		t.Errorf("%d bytes of answers, want %d", len(answers), want.Len())
	}
}

// Whatever ends a run before DONE, the agreed state stays; the new one is left
// only where the client may have taken it over.
func TestRunsThatEndEarly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		client string
		kind   fault.Kind
		left   []string
	}{
		"vanished":                {"", fault.Network, []string{""}},
		"vanished in a request":   {"GET Mail/cur", fault.Network, []string{""}},
		"aborted":                 {"ABORT\n", fault.RemoteFailed, []string{""}},
		"aborted after a request": {"GET Mail/cur/1:2,S\nABORT\n", fault.RemoteFailed, []string{""}},
		"aborted in the commit":   {"COMMIT\nABORT\n", fault.RemoteFailed, []string{""}},
		"vanished in the commit":  {"COMMIT\n", fault.Network, []string{"", ".mtime.new", ".new"}},
		"DONE without COMMIT":     {"DONE\n", fault.Protocol, []string{""}},
		"an unknown command":      {"PUT Mail/cur/9\n", fault.Protocol, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnd(t, []message{two}, []message{one, two})
			_, result, err := e.serve(c.client)
			if !fault.Is(err, c.kind) || result.Committed || errors.Is(err, serve.ErrClientAborted) != (c.kind == fault.RemoteFailed) {
				t.Errorf("got %v, want kind %s", err, c.kind)
			}
			state := e.state()
			if left := slices.Sorted(maps.Keys(state)); !slices.Equal(left, c.left) || state[""] != lines(two) {
				t.Errorf("left %q, want %q unchanged", state, c.left)
			}
			// The run after does it all.
			if _, result, err := e.serve("COMMIT\nDONE\n"); err != nil || !result.Committed || e.state()[""] != lines(two, one) {
				t.Errorf("the next run: %v, %q", err, e.state())
			}
		})
	}
}

func TestNoDelete(t *testing.T) {
	t.Parallel()
	e := newEnd(t, []message{two, one}, []message{one})
	e.opt.NoDelete = true
	said, result, err := e.serve("COMMIT\nDONE\n")
	if err != nil || !strings.HasPrefix(said, "END\n") || result.Counts.Deleted != 0 {
		t.Errorf("heard %q, %v", said, err)
	}
	if got := e.state()[""]; got != lines(two, one) {
		t.Errorf("the state is\n%s", got)
	}
}

func TestNoMove(t *testing.T) {
	t.Parallel()
	read := message{"Mail/cur/2:2,S", two.header, two.body}
	e := newEnd(t, []message{two, one}, []message{one, read})
	e.opt.NoMove = true
	said, _, err := e.serve("COMMIT\nDONE\n")
	want := "COPY Mail/new/2 " + two.hashes() + " TO Mail/cur/2:2,S\nDELETE Mail/new/2 " + two.hashes() + "\nEND\n"
	if err != nil || !strings.HasPrefix(said, want) || e.state()[""] != lines(one, read) {
		t.Errorf("heard %q, %v", said, err)
	}
}

// A dry run says what it would do and writes nothing.
func TestDryRun(t *testing.T) {
	t.Parallel()
	e := newEnd(t, []message{two}, []message{one, {two.name, "", ""}}) // one arrived, two is damaged
	e.opt.DryRun = true
	said, result, err := e.serve("COMMIT\nDONE\n")
	if want := "ADD Mail/cur/1:2,S " + one.hashes() + "\nEND\nchunk 0\n"; err != nil || said != want || result.Committed {
		t.Errorf("heard %q, %v, want %q", said, err, want)
	}
	if got := e.state(); len(got) != 1 || got[""] != lines(two) {
		t.Errorf("left %q", got)
	}
}

func TestStopAfterDiff(t *testing.T) {
	t.Parallel()
	e := newEnd(t, []message{two}, []message{one, two})
	e.opt.StopAfterDiff = true
	said, _, err := e.serve("")
	if want := "ADD Mail/cur/1:2,S " + one.hashes() + "\nEND\n"; err != nil || said != want {
		t.Errorf("heard %q, %v, want %q", said, err, want)
	}
	if got := e.state(); len(got) != 1 || got[""] != lines(two) {
		t.Errorf("left %q", got)
	}
}

// Progress goes through the phases in SMD's order and counts each answer.
func TestProgress(t *testing.T) {
	t.Parallel()
	e := newEnd(t, nil, []message{one})
	var steps []serve.Step
	e.opt.Progress = func(s serve.Step) { steps = append(steps, s) }
	_, _, err := e.serve("GET Mail/cur/1:2,S\nGET Mail/cur/none\nCOMMIT\nDONE\n")
	check(t, err)
	want := []serve.Step{
		{Phase: serve.Handshake},
		{Phase: serve.Detection},
		{Phase: serve.Transfer},
		{Phase: serve.Transfer, Done: 1, Bytes: 25},
		{Phase: serve.Transfer, Done: 2, Bytes: 25},
		{Phase: serve.Agreement, Done: 2, Bytes: 25},
	}
	if !slices.Equal(steps, want) {
		t.Errorf("got %v, want %v", steps, want)
	}
}
