//go:build linux

package desk

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	stdsync "sync"
	"syscall"
	"testing"
	"time"

	"smd-applet/assets"
	"smd-applet/desktoptest"
	"smd-applet/notify"
	"smd-applet/phrase"
	"smd-applet/sync"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/tray"
	"smd-applet/tray/autostart"
)

// asFront makes the test binary an applet without an engine: menu, popups and
// desk as they are, before a state that the test sets.
const asFront = "SMD_APPLET_FRONT_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asFront) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := runFront(ctx, os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// cue is what the test tells the front, as JSON.
type cue struct {
	State sync.State
	Mail  int  // new messages that came
	Raise bool // as a second start of the program does
}

// acted is the engine of a front: its state is the last cue's, and it tells what
// is asked of it.
type acted struct {
	changed chan struct{}
	events  chan sync.Event

	mu    stdsync.Mutex
	out   io.Writer
	state sync.State
}

func (e *acted) State() sync.State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

func (e *acted) tell(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fmt.Fprintf(e.out, format+"\n", args...)
}

func (e *acted) SyncNow(endpoint string) { e.tell("sync %s", endpoint) }
func (e *acted) Pause(endpoint string)   { e.tell("pause %s", endpoint) }
func (e *acted) Resume(endpoint string)  { e.tell("resume %s", endpoint) }

func (e *acted) PauseUntil(endpoint string, until time.Time) {
	if until.IsZero() {
		e.Pause(endpoint)
		return
	}
	e.tell("pause %s for a while", endpoint)
}

func (e *acted) Confirm(endpoint string) error { e.tell("confirm %s", endpoint); return nil }
func (e *acted) Restore(endpoint string) error { e.tell("restore %s", endpoint); return nil }

func (e *acted) SetNotifyNewMail(on bool) error { e.tell("new mail %v", on); return nil }
func (e *acted) SetSyncMetered(on bool) error   { e.tell("metered %v", on); return nil }

// take makes a cue the state, and posts the events that led to it.
func (e *acted) take(c cue) {
	e.mu.Lock()
	before := make(map[string]bool)
	for _, ep := range e.state.Endpoints {
		before[ep.Name] = ep.Problem != nil
	}
	e.state = c.State
	e.mu.Unlock()
	for _, ep := range c.State.Endpoints {
		switch {
		case ep.Problem != nil:
			e.events <- sync.ProblemRaised{Endpoint: ep.Name, Problem: *ep.Problem}
		case before[ep.Name]:
			e.events <- sync.ProblemCleared{Endpoint: ep.Name}
		}
		if c.Mail > 0 {
			e.events <- sync.NewMail{Endpoint: ep.Name, Count: c.Mail, Announce: true}
		}
	}
	select {
	case e.changed <- struct{}{}:
	default:
	}
}

func runFront(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	e := &acted{out: out, changed: make(chan struct{}, 1), events: make(chan sync.Event, 64)}
	paths, err := config.DefaultPaths()
	if err != nil {
		return err
	}
	entry, err := autostart.ForUser()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	book := phrase.For(os.Getenv)
	d := New(ctx, Options{
		Engine: e, Paths: paths, Book: book, Version: "0.1.0", Quit: quit, Logger: log,
		Open: func(_ context.Context, path string) error { e.tell("open %s", path); return nil },
		FetchKey: func(context.Context, string) (Key, error) {
			return Key{
				Type: "ssh-ed25519", Fingerprint: "SHA256:BX5kLqJXqJv0ZcYh3LxZkq1mTPh7xgk4r1gqH8kVt0c",
				Record: func() error { e.tell("recorded"); return nil },
			}, nil
		},
	})
	defer d.Close()
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, 1<<20)
	next := func() bool {
		if !scanner.Scan() {
			return false
		}
		var c cue
		if err := json.Unmarshal(scanner.Bytes(), &c); err != nil {
			e.tell("bad cue: %v", err)
			return false
		}
		e.take(c)
		if c.Raise {
			d.Raise()
		}
		return true
	}
	next()
	go func() {
		for next() {
		}
	}()
	var popups stdsync.WaitGroup
	popups.Go(func() {
		err = notify.Run(ctx, e.events, notify.Options{
			Icon: assets.Application, Logger: log, OnAction: d.Act, Notices: d.Notices(), Book: book,
		})
	})
	shown := tray.Run(ctx, e, tray.Options{Changed: e.changed, Noted: d.Noted(), Desk: d, Autostart: entry, Book: book, Logger: log})
	quit()
	popups.Wait()
	e.tell("ended")
	return errors.Join(shown, err)
}

// front is a running front as its test sees it.
type front struct {
	t *testing.T
	*desktoptest.Process
	in   *json.Encoder
	told <-chan string
}

func startFront(t *testing.T, d *desktoptest.Desktop, c cue, environment ...string) *front {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append([]string{asFront + "=1", "GORACE=atexit_sleep_ms=0", "TZ=UTC"}, environment...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = writer
	told := make(chan string, 1024)
	f := &front{t: t, in: json.NewEncoder(stdin), told: told, Process: d.Launch(cmd)}
	writer.Close()
	go func() {
		defer close(told)
		defer reader.Close()
		for scanner := bufio.NewScanner(reader); scanner.Scan(); {
			told <- scanner.Text()
		}
	}()
	f.show(c)
	return f
}

func (f *front) show(c cue) {
	f.t.Helper()
	if err := f.in.Encode(c); err != nil {
		f.t.Fatalf("tell the front its state: %v", err)
	}
}

// want waits for what the front tells next.
func (f *front) want(what string) {
	f.t.Helper()
	select {
	case got := <-f.told:
		if got != what {
			f.t.Fatalf("got %q, want %q", got, what)
		}
	case <-time.After(desktoptest.Patience):
		f.t.Fatalf("waited in vain for %q", what)
	}
}

func problem(kind fault.Kind, path string, actions ...fault.Action) *sync.Problem {
	return &sync.Problem{Err: &fault.Error{Kind: kind, Path: path, Actions: actions}, Since: time.Now().Add(-time.Hour), Count: 1}
}
