package twoway_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"smd-applet/sync/guard"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
	"smd-applet/sync/synctest"
	"smd-applet/sync/tracker"
	"smd-applet/sync/translate"
	"smd-applet/sync/twoway"
	"smd-applet/sync/wire/smd2"
)

// pair is two mailboxes that are synced by a client and an agent, over a pipe.
type pair struct {
	t            testing.TB
	client, side *side
	opt          twoway.RunOptions
	hello        smd2.Hello
	cutter       *cutter // the client's side of the next lines, where they are to break
	line         func(duplex) io.ReadWriteCloser
	far          func(duplex) io.ReadWriteCloser // the same of the agent's side
}

// side is one end: a home with a mailbox in it.
type side struct {
	t    testing.TB
	home string
	box  *synctest.Mailbox
	log  *slog.Logger
	// watch is what the agent is told of changes by; nil watches nothing.
	watch twoway.Watch
}

// tempDir is like t.TempDir, in memory where there is such a place: these tests
// are about what is written, not about how fast.
func tempDir(t testing.TB) string {
	t.Helper()
	base := ""
	if st, err := os.Stat("/dev/shm"); err == nil && st.IsDir() {
		base = "/dev/shm"
	}
	dir, err := os.MkdirTemp(base, "smd-twoway-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func newPair(t testing.TB) *pair {
	t.Helper()
	return &pair{
		t: t, client: newSide(t, "client"), side: newSide(t, "server"),
		opt: twoway.RunOptions{Pull: true, Push: true, Full: true, Limits: guard.Limits{Count: 1 << 20}},
	}
}

func newSide(t testing.TB, host string) *side {
	t.Helper()
	home := tempDir(t)
	if err := os.MkdirAll(filepath.Join(home, "Mail"), 0o700); err != nil {
		t.Fatal(err)
	}
	return &side{t: t, home: home, box: synctest.OpenMailbox(filepath.Join(home, "Mail"), host), log: slog.New(slog.DiscardHandler)}
}

// excludedFolder is left out at both ends.
const excludedFolder = "Mail/.excluded"

func (s *side) open() (*twoway.End, error) {
	store, err := maildir.Open(s.home, []maildir.Box{{Local: "Mail", Remote: "Mail"}}, translate.Identity(), false)
	if err != nil {
		return nil, err
	}
	db, err := twoway.OpenState(filepath.Join(s.home, "state"), index.Files{DB: filepath.Join(s.home, "smd.db.txt")}, false, s.log)
	if err != nil {
		return nil, err
	}
	excluded := func(local string) bool { return local == excludedFolder }
	return &twoway.End{Store: store, DB: db, Log: s.log, Tracker: tracker.New(tracker.Options{Store: store, DB: db, Excluded: excluded, Log: s.log})}, nil
}

func closeEnd(e *twoway.End) error {
	if err := e.DB.Close(); err != nil {
		return err
	}
	return e.Store.Close()
}

// line is a client connected to an agent.
type line struct {
	client *twoway.Client
	end    *twoway.End
	close  func() error
}

func (p *pair) connect(ctx context.Context) (*line, error) {
	here, there, err := channel()
	if err != nil {
		return nil, err
	}
	agent := make(chan error, 1)
	opt := twoway.AgentOptions{
		Open:  func(context.Context, *smd2.Hello) (*twoway.End, error) { return p.side.open() },
		Close: closeEnd,
		Lock:  func(context.Context) (func() error, error) { return func() error { return nil }, nil },
		Log:   p.side.log,
	}
	if w := p.side.watch; w != nil {
		opt.Watch = func(context.Context) (twoway.Watch, error) { return w, nil }
	}
	var far io.ReadWriter = there
	if p.far != nil {
		far = p.far(there)
	}
	go func() {
		agent <- twoway.Agent(ctx, smd2.NewConn(far, far, smd2.Options{}), opt)
		there.Close()
	}()
	end, err := p.client.open()
	if err != nil {
		here.Close()
		<-agent
		return nil, err
	}
	var channel io.ReadWriter = here
	if p.line != nil {
		channel = p.line(here)
	}
	if p.cutter != nil {
		p.cutter.duplex = here
		channel = p.cutter
	}
	client, err := twoway.Connect(ctx, smd2.NewConn(channel, channel, smd2.Options{}), p.hello, p.client.log)
	if err != nil {
		here.Close()
		<-agent
		return nil, errors.Join(err, closeEnd(end))
	}
	return &line{client, end, func() error {
		here.Close()
		client.Close()
		<-agent
		return closeEnd(end)
	}}, nil
}

// duplex is one end of a channel made of two pipes.
type duplex struct {
	*os.File // read
	to       *os.File
}

func (d duplex) Write(b []byte) (int, error) { return d.to.Write(b) }

func (d duplex) Close() error { return errors.Join(d.to.Close(), d.File.Close()) }

func channel() (a, b duplex, err error) {
	fromB, toA, err := os.Pipe()
	if err != nil {
		return a, b, err
	}
	fromA, toB, err := os.Pipe()
	return duplex{fromB, toB}, duplex{fromA, toA}, err
}

// sync makes one run over a line of its own, and whatever runs that asks for.
func (p *pair) sync() (*twoway.Result, error) {
	ctx := context.Background()
	l, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := l.close(); err != nil {
			p.t.Error(err)
		}
	}()
	opt := p.opt
	opt.End = l.end
	sum := &twoway.Result{}
	for range 4 {
		r, err := l.client.Run(ctx, opt)
		if err != nil {
			return r, err
		}
		add(&sum.Here, r.Here)
		add(&sum.There, r.There)
		sum.Conflicts += r.Conflicts
		sum.HeldHere, sum.HeldThere, sum.Damaged, sum.Again = r.HeldHere, r.HeldThere, r.Damaged, r.Again
		if !r.Again {
			break
		}
	}
	return sum, nil
}

func add(to *twoway.Tally, t twoway.Tally) {
	to.New += t.New
	to.Deleted += t.Deleted
	to.Moved += t.Moved
	to.Flagged += t.Flagged
	to.Edited += t.Edited
	to.Bytes += t.Bytes
}

func (p *pair) mustSync() *twoway.Result {
	p.t.Helper()
	r, err := p.sync()
	if err != nil {
		p.t.Fatal(err)
	}
	if r.Again {
		p.t.Fatal("it did not come to rest")
	}
	return r
}

func (s *side) census() synctest.Census {
	s.t.Helper()
	c, err := synctest.TakeCensus(filepath.Join(s.home, "Mail"))
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// equal fails the test unless both ends have the same messages under the same names.
func (p *pair) equal() {
	p.t.Helper()
	if d := synctest.DiffNames(p.client.census(), p.side.census()); d != "" {
		p.t.Fatalf("the two ends differ (client, server):\n%s", d)
	}
}
