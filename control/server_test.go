package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	stdsync "sync"
	"testing"
	"testing/synctest"
	"time"

	"smd-applet/sync"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

// player is a Runner whose runs wait for the test.
type player struct {
	begun  chan string // "work pull"
	finish chan error

	mu      stdsync.Mutex
	settled []string
}

func (p *player) Run(ctx context.Context, endpoint string, d sync.Direction, _ func(sync.Progress)) (sync.Result, error) {
	select {
	case p.begun <- fmt.Sprintf("%s %s", endpoint, d):
	case <-ctx.Done():
		return sync.Result{}, ctx.Err()
	}
	select {
	case err := <-p.finish:
		return sync.Result{}, err
	case <-ctx.Done():
		return sync.Result{}, ctx.Err()
	}
}

func (p *player) Confirm(endpoint string) error { return p.note("confirm", endpoint) }
func (p *player) Restore(endpoint string) error { return p.note("restore", endpoint) }

func (p *player) note(what, endpoint string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settled = append(p.settled, what+" "+endpoint)
	return nil
}

// pass lets the next run end so.
func (p *player) pass(t *testing.T, want string, err error) {
	t.Helper()
	if got := <-p.begun; got != want {
		t.Errorf("the run is %q, want %q", got, want)
	}
	p.finish <- err
}

// stage is a server of an engine with the endpoint "work", which runs only when
// it is asked to.
type stage struct {
	home   string
	player *player
	engine *sync.Engine
	raised chan struct{}
	quit   chan struct{}
	stop   func()
}

func newStage(t *testing.T) *stage {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", "")
	home, err := os.MkdirTemp("", "home") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	if err := os.Mkdir(filepath.Join(home, ".smd"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := &stage{
		home: home, raised: make(chan struct{}, 1), quit: make(chan struct{}, 1),
		player: &player{begun: make(chan string), finish: make(chan error)},
	}
	s.start(t)
	return s
}

func (s *stage) start(t *testing.T) {
	t.Helper()
	s.engine = sync.NewEngine(sync.Options{
		Paths: config.Paths{Home: s.home}, Runner: s.player,
		LoadLoop: func(config.Paths) ([]config.LoopEntry, error) {
			return []config.LoopEntry{{Endpoint: "work"}}, nil
		},
		LoadEndpoint: func(context.Context, config.Paths, string) (*config.Endpoint, error) {
			return &config.Endpoint{Name: "work"}, nil
		},
	})
	changes := s.engine.Subscribe()
	defer changes.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var group stdsync.WaitGroup
	group.Go(func() {
		if err := s.engine.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	group.Go(func() {
		err := Serve(ctx, s.engine, Options{
			Home: s.home, Logger: slog.New(slog.DiscardHandler),
			Raise: func() { s.raised <- struct{}{} }, Quit: func() { s.quit <- struct{}{} },
		})
		if err != nil {
			t.Error(err)
		}
	})
	s.stop = stdsync.OnceFunc(func() { cancel(); group.Wait() })
	t.Cleanup(s.stop)
	for len(s.engine.State().Endpoints) == 0 {
		<-changes.Changed()
	}
	eventually(t, "the socket is there", func() bool {
		conn, err := net.Dial("unix", s.path())
		return err == nil && conn.Close() == nil
	})
}

func (s *stage) path() string { return places(s.home, false)[0] }

func (s *stage) connect(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", s.path())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (s *stage) ask(t *testing.T, do Verb, endpoint string) Reply {
	t.Helper()
	reply, err := Ask(t.Context(), s.home, Request{Do: do, Endpoint: endpoint})
	if err != nil {
		t.Fatalf("%s: %v", do, err)
	}
	return reply
}

// eventually polls what sends no event.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.NewTimer(time.Minute), time.NewTicker(5*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}

func TestRequests(t *testing.T) {
	s := newStage(t)
	if st, err := os.Stat(s.path()); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", st.Mode(), err)
	}
	if st, err := os.Stat(filepath.Dir(s.path())); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("its directory: %v, %v", st.Mode(), err)
	}
	reply := s.ask(t, Tell, "")
	if len(reply.Failed) > 0 || reply.Status.Overall != sync.Idle || len(reply.Status.Endpoints) != 1 || reply.Status.Endpoints[0].Name != "work" {
		t.Errorf("status: %+v", reply)
	}
	s.ask(t, Pause, "work")
	eventually(t, "it is paused", func() bool { return s.ask(t, Tell, "").Status.Endpoints[0].Paused })
	s.ask(t, Resume, "")
	eventually(t, "it is not", func() bool { return !s.ask(t, Tell, "").Status.Endpoints[0].Paused })
	for _, do := range []Verb{Sync, Pause, Resume, Confirm, Restore} {
		reply := s.ask(t, do, "nowhere")
		if len(reply.Failed) != 1 || reply.Failed[0].Kind != fault.Config || !strings.Contains(reply.Failed[0].Message, "nowhere") {
			t.Errorf("%s of an endpoint that is none: %+v", do, reply.Failed)
		}
	}
	if reply := s.ask(t, Confirm, ""); len(reply.Failed) != 1 {
		t.Errorf("confirm without an endpoint: %+v", reply)
	}
	s.ask(t, Raise, "")
	<-s.raised
	s.ask(t, Quit, "")
	<-s.quit
	s.stop()
	if _, err := os.Stat(s.path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket outlives the server: %v", err)
	}
	if _, err := Ask(t.Context(), s.home, Request{Do: Tell}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the end: %v", err)
	}
}

func TestSyncWaitsForTheRuns(t *testing.T) {
	s := newStage(t)
	outcome := make(chan Reply, 1)
	start := func() {
		go func() {
			reply, err := Ask(t.Context(), s.home, Request{Do: Sync, Wait: true})
			if err != nil {
				t.Error(err)
			}
			outcome <- reply
		}()
	}
	start()
	s.player.pass(t, "work pull", nil)
	s.player.pass(t, "work push", nil)
	if reply := <-outcome; len(reply.Failed) > 0 || reply.Status.Endpoints[0].LastSuccess.IsZero() {
		t.Errorf("a sync that went well: %+v", reply)
	}
	start()
	s.player.pass(t, "work pull", fault.New(fault.Auth, "log in", "mailhost", errors.New("no")))
	if reply := <-outcome; len(reply.Failed) != 1 || reply.Failed[0].Kind != fault.Auth || reply.Failed[0].Endpoint != "work" {
		t.Errorf("a sync that failed: %+v", reply)
	}
	start()
	<-s.player.begun
	s.ask(t, Pause, "")
	if reply := <-outcome; len(reply.Failed) != 1 || !strings.Contains(reply.Failed[0].Message, "stopped") {
		t.Errorf("a sync that was paused: %+v", reply)
	}
}

func TestConfirmAndRestoreReachTheRunner(t *testing.T) {
	s := newStage(t)
	for _, do := range []Verb{Confirm, Restore} {
		if reply := s.ask(t, do, "work"); len(reply.Failed) > 0 {
			t.Errorf("%s: %+v", do, reply)
		}
		s.player.pass(t, "work pull", nil)
		s.player.pass(t, "work push", nil)
	}
	s.player.mu.Lock()
	defer s.player.mu.Unlock()
	if got := strings.Join(s.player.settled, ", "); got != "confirm work, restore work" {
		t.Errorf("the runner was asked to %s", got)
	}
}

func TestWatchTellsOfChangesAndOfTheEnd(t *testing.T) {
	s := newStage(t)
	paused := make(chan bool)
	ended := make(chan error, 1)
	go func() {
		ended <- Watch(t.Context(), s.home, func(st *Status) { paused <- st.Endpoints[0].Paused })
	}()
	if <-paused {
		t.Error("it is paused at first")
	}
	s.engine.Pause("work")
	for !<-paused { // what else changed may come before
	}
	s.stop()
	if err := <-ended; !errors.Is(err, ErrNotRunning) {
		t.Errorf("a watch whose server ends: %v", err)
	}
}

// A reader that does not read costs the engine nothing, and is given up.
func TestSlowReaderBlocksNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		engine := sync.NewEngine(sync.Options{Runner: &player{}, LoadLoop: func(config.Paths) ([]config.LoopEntry, error) {
			return nil, errors.New("none")
		}})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = engine.Run(ctx) }()
		here, there := net.Pipe()
		defer here.Close()
		defer there.Close()
		ended := make(chan time.Duration)
		go func() {
			began := time.Now()
			(&server{engine: engine}).follow(ctx, here)
			ended <- time.Since(began)
		}()
		synctest.Wait() // it is stuck in writing
		began := time.Now()
		for range 100 {
			engine.Pause("")
			engine.Reload()
			synctest.Wait()
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the engine waited %v for the reader", took)
		}
		if took := <-ended; took != answerTime {
			t.Errorf("the reader was given up after %v", took)
		}
		cancel()
	})
}

func TestBrokenClients(t *testing.T) {
	s := newStage(t)
	for name, c := range map[string]struct{ says, hears string }{
		"nonsense":        {"hello\n", `"kind":"protocol"`},
		"an empty line":   {"\n", `"kind":"protocol"`},
		"no such request": {`{"do":"dance"}` + "\n", "no such request"},
		"no such field":   {`{"do":"status","loud":true}` + "\n", `"kind":"protocol"`},
		"a way out":       {`{"do":"pause","endpoint":"../x"}` + "\n", "letters, digits"},
		"an endless line": {strings.Repeat("x", 3*maxRequest), "more than 4096 bytes"},
		"two requests":    {`{"do":"status"}{"do":"quit"}` + "\n", "more than one"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := s.connect(t)
			_, _ = io.WriteString(conn, c.says) // the server may hang up before it has all
			line, _ := bufio.NewReader(conn).ReadString('\n')
			if !strings.Contains(line, c.hears) {
				t.Errorf("%q is answered by %q", c.says[:min(40, len(c.says))], line)
			}
		})
	}
	select {
	case <-s.quit:
		t.Error("it was made to quit")
	default:
	}
}

// Many clients at once: those too many are turned away, later ones are served.
func TestManyClients(t *testing.T) {
	s := newStage(t)
	var conns []net.Conn
	for range maxClients + 20 {
		conns = append(conns, s.connect(t))
	}
	last := conns[len(conns)-1]
	if _, err := last.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("one too many: %v", err)
	}
	for _, conn := range conns {
		conn.Close()
	}
	eventually(t, "a client is served again", func() bool {
		reply, err := Ask(t.Context(), s.home, Request{Do: Tell})
		return err == nil && reply.Status != nil
	})
}

// A client that says nothing does not keep the server from ending.
func TestServerEndsWithClients(t *testing.T) {
	s := newStage(t)
	silent, waiting := s.connect(t), s.connect(t)
	if err := json.NewEncoder(waiting).Encode(Request{Do: Sync, Wait: true}); err != nil {
		t.Fatal(err)
	}
	<-s.player.begun
	s.stop()
	for name, conn := range map[string]net.Conn{"silent": silent, "waiting": waiting} {
		if _, err := io.ReadAll(conn); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a killed program left is no obstacle; what is not a socket is not touched.
func TestStaleSocket(t *testing.T) {
	s := newStage(t)
	s.stop()
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.path(), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	if _, err := Ask(t.Context(), s.home, Request{Do: Tell}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("with a stale socket: %v", err)
	}
	s.start(t)
	if reply := s.ask(t, Tell, ""); reply.Status == nil {
		t.Errorf("after a new start: %+v", reply)
	}
	s.stop()
	if err := os.WriteFile(s.path(), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := listen(s.home); err == nil {
		l.Close()
		t.Error("a file was replaced by the socket")
	}
}

func TestPlaces(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	other := places("/home/other", false)
	got := places("/home/me/", false)
	if len(got) != 2 || !strings.HasPrefix(got[0], "/run/user/7/smd-applet/control.") || !strings.HasPrefix(got[1], "/home/me/.smd/run/control.") {
		t.Errorf("places %q", got)
	}
	if got[0] == other[0] || got[0] != places("/home/me", true)[0] {
		t.Errorf("%q, %q: one for each home", got[0], other[0])
	}
	t.Setenv("XDG_RUNTIME_DIR", "/"+strings.Repeat("long/", 30))
	if got := places("/home/me", false); len(got) != 1 || !strings.HasPrefix(got[0], "/home/me/") {
		t.Errorf("with a path that is too long: %q", got)
	}
}

// A directory of somebody else's, or a link, is not used.
func TestMakePrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := makePrivate(open); err != nil {
		t.Error(err)
	}
	if st, err := os.Stat(open); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("it is left open: %v", st.Mode())
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(open, link); err != nil {
		t.Fatal(err)
	}
	if makePrivate(link) == nil {
		t.Error("a link is followed")
	}
	if os.Geteuid() == 0 {
		theirs := filepath.Join(dir, "theirs")
		if err := errors.Join(os.Mkdir(theirs, 0o700), os.Chown(theirs, 12345, -1)); err != nil {
			t.Fatal(err)
		}
		if makePrivate(theirs) == nil {
			t.Error("somebody else's directory is used")
		}
	}
}
