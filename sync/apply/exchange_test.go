package apply_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smd-applet/sync/apply"
	"smd-applet/sync/guard"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
	"smd-applet/sync/serve"
	"smd-applet/sync/synctest"
	"smd-applet/sync/translate"
	"smd-applet/sync/wire/smd1"
)

// end is one of two homes with a mailbox "Mail", which exchange changes.
type end struct {
	t    *testing.T
	home string
	box  *synctest.Mailbox
}

func newEnd(t *testing.T, host string) *end {
	t.Helper()
	home := t.TempDir()
	for _, dir := range []string{".smd", "Mail"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return &end{t: t, home: home, box: synctest.OpenMailbox(filepath.Join(home, "Mail"), host)}
}

func (e *end) files() index.Files {
	return index.Files{DB: filepath.Join(e.home, ".smd", "pair__Mail.db.txt")}
}

func (e *end) store() *maildir.Store {
	e.t.Helper()
	s, err := maildir.Open(e.home, []maildir.Box{{Local: "Mail", Remote: "Mail"}}, translate.Identity(), true)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { s.Close() })
	return s
}

func (e *end) ledger() *guard.Ledger {
	e.t.Helper()
	l, err := guard.LoadLedger(e.files().DB + ".held.json")
	if err != nil {
		e.t.Fatal(err)
	}
	return l
}

func (e *end) census() synctest.Census {
	e.t.Helper()
	c, err := synctest.TakeCensus(e.box.Root)
	if err != nil {
		e.t.Fatal(err)
	}
	return c
}

type pipe struct {
	io.Reader
	io.WriteCloser
}

// send makes one run from one end to the other, with both guards off.
func send(t *testing.T, from, to *end, change func(*serve.Options, *apply.Options)) (*serve.Result, *apply.Result, error, error) {
	t.Helper()
	return sendOver(t, from, to, change, func(c io.ReadWriteCloser) io.ReadWriteCloser { return c })
}

// both closes both directions.
type both struct{ pipe }

func (b both) Close() error {
	return errors.Join(b.WriteCloser.Close(), b.Reader.(io.Closer).Close())
}

// sendOver is send with something between the receiving end and its line.
func sendOver(t *testing.T, from, to *end, change func(*serve.Options, *apply.Options), between func(io.ReadWriteCloser) io.ReadWriteCloser) (*serve.Result, *apply.Result, error, error) {
	t.Helper()
	fromClient, toServer := io.Pipe()
	fromServer, toClient := io.Pipe()
	line := between(both{pipe{fromServer, toServer}})
	so := serve.Options{Store: from.store(), Files: from.files(), Ledger: from.ledger()}
	ao := apply.Options{Store: to.store(), Files: to.files(), Ledger: to.ledger()}
	if change != nil {
		change(&so, &ao)
	}
	type served struct {
		r   *serve.Result
		err error
	}
	done := make(chan served)
	go func() {
		r, err := serve.Run(context.Background(), smd1.NewConn(pipe{fromClient, toClient}), so)
		toClient.Close()
		fromClient.Close()
		done <- served{r, err}
	}()
	ar, aerr := apply.Run(context.Background(), smd1.NewConn(line), ao)
	line.Close()
	s := <-done
	return s.r, ar, s.err, aerr
}

// mustSend is send for runs that must succeed. Both ends then have the same
// db-file, in the order that smd 1.3, spec §2 demands.
func mustSend(t *testing.T, from, to *end) (*serve.Result, *apply.Result) {
	t.Helper()
	before := from.state()
	s, a, serr, aerr := send(t, from, to, nil)
	if serr != nil || aerr != nil {
		t.Fatalf("serve: %v; apply: %v", serr, aerr)
	}
	after := from.state()
	if !slices.Equal(after, to.state()) {
		t.Fatalf("the db-files differ:\n%q\nand\n%q", after, to.state())
	}
	inOrder(t, before, after)
	return s, a
}

// state is the lines of the db-file.
func (e *end) state() []string {
	e.t.Helper()
	b, err := os.ReadFile(e.files().DB)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(b)))
}

// inOrder checks that what stays keeps its order, and that what is new or changed
// comes behind it.
func inOrder(t *testing.T, before, after []string) {
	t.Helper()
	stays := make(map[string]bool, len(after))
	for _, l := range after {
		if stays[l] {
			t.Fatalf("twice in the db-file: %s", l)
		}
		stays[l] = true
	}
	kept := slices.DeleteFunc(slices.Clone(before), func(l string) bool { return !stays[l] })
	if !slices.Equal(kept, after[:len(kept)]) {
		t.Fatalf("the db-file became\n%q\nwhere was\n%q", after, before)
	}
}

// settle pulls and pushes until both ends are equal, and checks that a further
// round changes nothing.
func settle(t *testing.T, server, client *end) {
	t.Helper()
	mustSend(t, server, client)
	mustSend(t, client, server)
	mustSend(t, server, client)
	if d := synctest.DiffNames(server.census(), client.census()); d != "" {
		t.Fatalf("server and client differ:\n%s", d)
	}
	s, _ := mustSend(t, server, client)
	if s.Counts != (serve.Result{}).Counts {
		t.Errorf("the run after says %+v, want no change", s.Counts)
	}
	s, _ = mustSend(t, client, server)
	if s.Counts != (serve.Result{}).Counts {
		t.Errorf("the push after says %+v, want no change", s.Counts)
	}
}

func generate(t *testing.T, e *end, n int) {
	t.Helper()
	if _, err := synctest.Generate(e.box.Root, synctest.Options{Seed: 1, Messages: n, Folders: 8}); err != nil {
		t.Fatal(err)
	}
}

func TestFirstSyncThenChangesBothWays(t *testing.T) {
	t.Parallel()
	server, client := newEnd(t, "server"), newEnd(t, "client")
	generate(t, server, 400)
	before := server.census()
	settle(t, server, client)
	if d := synctest.DiffNames(before, client.census()); d != "" {
		t.Fatalf("the first sync changed something:\n%s", d)
	}
	mutate(t, server, 0)
	mutate(t, client, 100)
	settle(t, server, client)
}

// mutate does one of each change a mail program makes, to messages from a
// position on.
func mutate(t *testing.T, e *end, from int) {
	t.Helper()
	all, err := e.box.Messages("")
	if err != nil {
		t.Fatal(err)
	}
	check := func(_ string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(e.box.Deliver("."))
	check(e.box.Flag(all[from], "FRS"))
	check(e.box.Move(all[from+1], ".moved"))
	check(e.box.Refile(all[from+2], ".moved"))
	check(e.box.Copy(all[from+3], ".copied"))
	check("", e.box.Delete(all[from+4]))
	check(e.box.EditHeader(all[from+5], "X-Label", "done"))
	check(e.box.EditBody(all[from+6], "edited\n"))
}

// A line throttled to single bytes carries the same.
func TestDrippingLine(t *testing.T) {
	t.Parallel()
	server, client := newEnd(t, "server"), newEnd(t, "client")
	generate(t, server, 12)
	for _, ends := range [][2]*end{{server, client}, {client, server}} {
		if _, _, serr, aerr := sendOver(t, ends[0], ends[1], nil, synctest.Drip); serr != nil || aerr != nil {
			t.Fatalf("serve: %v; apply: %v", serr, aerr)
		}
	}
	if d := synctest.DiffNames(server.census(), client.census()); d != "" {
		t.Errorf("server and client differ:\n%s", d)
	}
}
