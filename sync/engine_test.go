package sync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	stdsync "sync"
	"testing"
	"testing/synctest"
	"time"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
)

// player is a Runner whose runs the test writes. It fails the test when two
// runs of one endpoint overlap, and remembers what it was asked for.
type player struct {
	t     *testing.T
	start time.Time

	mu      stdsync.Mutex
	play    func(ctx context.Context, endpoint string, d Direction, report func(Progress)) (Result, error)
	calls   []string // "0s work pull"
	running map[string]bool
	most    int // runs at the same time
}

func (p *player) Run(ctx context.Context, endpoint string, d Direction, report func(Progress)) (Result, error) {
	p.mu.Lock()
	p.calls = append(p.calls, fmt.Sprintf("%v %s %s", time.Since(p.start), endpoint, d))
	if p.running[endpoint] {
		p.t.Errorf("two runs of %s overlap", endpoint)
	}
	p.running[endpoint] = true
	p.most = max(p.most, len(p.running))
	play := p.play
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.running, endpoint)
	}()
	if play == nil {
		return Result{}, nil
	}
	return play(ctx, endpoint, d, report)
}

func (p *player) Confirm(endpoint string) error { return p.note("confirm", endpoint) }
func (p *player) Restore(endpoint string) error { return p.note("restore", endpoint) }

func (p *player) note(what, endpoint string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running[endpoint] {
		p.t.Errorf("%s during a run", what)
	}
	p.calls = append(p.calls, fmt.Sprintf("%v %s %s", time.Since(p.start), endpoint, what))
	return nil
}

// took returns the calls since the last time.
func (p *player) took() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	calls := p.calls
	p.calls = nil
	return calls
}

func (p *player) plays(play func(ctx context.Context, endpoint string, d Direction, report func(Progress)) (Result, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.play = play
}

// fails lets every run of d fail so; with an empty d, every run.
func (p *player) fails(d Direction, kind fault.Kind) {
	p.plays(func(_ context.Context, _ string, of Direction, _ func(Progress)) (Result, error) {
		if d == "" || d == of {
			return Result{}, fmt.Errorf("play: %w", fault.New(kind, string(of), "", errors.New("as written")))
		}
		return Result{}, nil
	})
}

// lookout is a Watcher the test moves by hand.
type lookout struct {
	mu      stdsync.Mutex
	watches map[string]chan struct{} // by roots, or "config"
	fail    error
}

func (l *lookout) Mail(ctx context.Context, roots []string) (<-chan struct{}, error) {
	return l.watch(ctx, strings.Join(roots, " "))
}

func (l *lookout) Config(ctx context.Context, _ config.Paths) (<-chan struct{}, error) {
	return l.watch(ctx, "config")
}

func (l *lookout) watch(ctx context.Context, what string) (<-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return nil, l.fail
	}
	moved := make(chan struct{}, 1)
	l.watches[what] = moved
	changed := make(chan struct{})
	go func() {
		defer close(changed)
		for {
			select {
			case <-ctx.Done():
				l.mu.Lock()
				if l.watches[what] == moved {
					delete(l.watches, what)
				}
				l.mu.Unlock()
				return
			case _, ok := <-moved:
				if !ok {
					return
				}
			}
			select {
			case <-ctx.Done():
			case changed <- struct{}{}:
			}
		}
	}()
	return changed, nil
}

func (l *lookout) change(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.watches[what] <- struct{}{}:
	default:
	}
}

// breaks ends a watch as a failure does.
func (l *lookout) breaks(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.watches[what])
	delete(l.watches, what)
}

func (l *lookout) watched() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.watches))
}

// stage is an engine that runs in a bubble of fake time.
type stage struct {
	*Engine
	t      *testing.T
	player *player
	look   *lookout
	log    *bytes.Buffer // read it only after stop
	stop   func()

	mu      stdsync.Mutex
	entries []config.LoopEntry
	err     error             // of the loop file
	broken  map[string]error  // of an endpoint's configuration
	root    map[string]string // an endpoint's mailbox, "Mail/NAME" by default
}

// write changes the configuration.
func (s *stage) write(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// minutes is a line of the loop file.
func minutes(pull, push int, endpoint string) config.LoopEntry {
	return config.LoopEntry{Pull: time.Duration(pull) * time.Minute, Push: time.Duration(push) * time.Minute, Endpoint: endpoint}
}

// perform runs act against a running engine with the given loop file, in fake
// time, and ends it. The bubble fails the test when a goroutine is left over.
func perform(t *testing.T, entries []config.LoopEntry, act func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, entries)
		s.run()
		act(s)
		s.stop()
	})
}

func newStage(t *testing.T, entries []config.LoopEntry) *stage {
	s := &stage{
		t:       t,
		player:  &player{t: t, start: time.Now(), running: make(map[string]bool)},
		look:    &lookout{watches: make(map[string]chan struct{})},
		log:     &bytes.Buffer{},
		entries: entries,
		broken:  make(map[string]error),
		root:    make(map[string]string),
	}
	s.Engine = NewEngine(Options{
		Paths:   config.Paths{Home: "/home/me"},
		Runner:  s.player,
		Logger:  slog.New(slog.NewTextHandler(s.log, nil)),
		Watcher: s.look,
		Random:  func() float64 { return 0.5 },
		LoadLoop: func(config.Paths) ([]config.LoopEntry, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return slices.Clone(s.entries), s.err
		},
		LoadEndpoint: func(_ context.Context, _ config.Paths, name string) (*config.Endpoint, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			root := s.root[name]
			if root == "" {
				root = "Mail/" + name
			}
			e := &config.Endpoint{Name: name, Mailboxes: []config.Mailbox{{Local: root}}, SyncOnMetered: name == "rich"}
			if name == "local" {
				e.ClientOpts = []string{"-l"}
			}
			return e, s.broken[name]
		},
	})
	return s
}

// run starts the engine and waits for what it does at once.
func (s *stage) run() {
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	s.stop = stdsync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("Run: %v", err)
		}
	})
	synctest.Wait()
}

// pass lets time pass.
func (s *stage) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// expect checks which calls the runner got since the last time.
func (s *stage) expect(want ...string) {
	s.t.Helper()
	synctest.Wait()
	if got := s.player.took(); !slices.Equal(got, want) {
		s.t.Errorf("the runner was asked for %q, want %q", got, want)
	}
}

// only returns the state of the only endpoint.
func (s *stage) only() EndpointState {
	s.t.Helper()
	synctest.Wait()
	all := s.State().Endpoints
	if len(all) != 1 {
		s.t.Fatalf("%d endpoints, want one", len(all))
	}
	return all[0]
}

func (s *stage) overall(want Overall) {
	s.t.Helper()
	synctest.Wait()
	if got := s.State().Overall; got != want {
		s.t.Errorf("overall %s, want %s", got, want)
	}
}

// happened returns the events of the kind of E that are waiting, and drops the rest.
func happened[E Event](sub *Subscription) []E {
	synctest.Wait()
	var found []E
	for {
		select {
		case ev := <-sub.Events():
			if e, ok := ev.(E); ok {
				found = append(found, e)
			}
		default:
			return found
		}
	}
}

// until is a run that lasts until it is cancelled.
func until(ctx context.Context, _ string, _ Direction, _ func(Progress)) (Result, error) {
	<-ctx.Done()
	return Result{}, ctx.Err()
}

// lasting is a run that takes a while.
func lasting(d time.Duration) func(context.Context, string, Direction, func(Progress)) (Result, error) {
	return func(ctx context.Context, _ string, _ Direction, _ func(Progress)) (Result, error) {
		select {
		case <-ctx.Done():
			return Result{}, ctx.Err()
		case <-time.After(d):
			return Result{}, nil
		}
	}
}

func TestEngineStartsAndKeepsTime(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 10, "work")}, func(s *stage) {
		s.expect("0s work pull", "0s work push")
		if next := s.only().NextRun.Sub(s.player.start); next != 3*time.Minute {
			t.Errorf("next run after %v", next)
		}
		s.pass(12 * time.Minute)
		s.expect("3m0s work pull", "6m0s work pull", "9m0s work pull", "10m0s work push", "12m0s work pull")
		if last := s.only().LastSuccess.Sub(s.player.start); last != 12*time.Minute {
			t.Errorf("last success after %v", last)
		}
		s.overall(Idle)
	})
}

func TestEngineIntervalIsARest(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 0, "work")}, func(s *stage) {
		s.player.plays(lasting(5 * time.Minute))
		s.pass(20 * time.Minute)
		s.expect("0s work pull", "3m0s work pull", "11m0s work pull", "19m0s work pull")
	})
}

func TestEngineNeverIsOnlyByRequest(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(0, 0, "work")}, func(s *stage) {
		s.look.change("/home/me/Mail/work")
		s.pass(24 * time.Hour)
		s.expect()
		if next := s.only().NextRun; !next.IsZero() {
			t.Errorf("a run is planned for %v", next)
		}
		s.SyncNow("work")
		s.expect("24h0m0s work pull", "24h0m0s work push")
	})
}

func TestEngineOverlapsEndpointsButNotRuns(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 10, "a"), minutes(3, 10, "b")}, func(s *stage) {
		s.player.plays(lasting(time.Second))
		s.SyncNow("")
		synctest.Wait()
		s.overall(Syncing)
		s.SyncNow("a")
		s.SyncNow("a") // one more, not two
		s.SyncNow("nobody")
		s.pass(time.Minute)
		counts := make(map[string]int)
		for _, c := range s.player.took() {
			counts[c[strings.Index(c, " ")+1:]]++
		}
		// The first pair had ended; SyncNow, and SyncNow during a run.
		want := map[string]int{"a pull": 3, "a push": 3, "b pull": 2, "b push": 2}
		if !maps.Equal(counts, want) {
			t.Errorf("runs %v, want %v", counts, want)
		}
		if s.player.most != 2 {
			t.Errorf("%d runs at the same time, want 2", s.player.most)
		}
	})
}

func TestEngineDebouncesLocalChanges(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(60, 60, "work")}, func(s *stage) {
		s.pass(time.Second)
		s.player.took()

		s.look.change("/home/me/Mail/work")
		s.pass(time.Second)
		s.expect("1.15s work push")

		for range 20 { // a burst of 2 s, from 2 s on
			s.look.change("/home/me/Mail/work")
			s.pass(100 * time.Millisecond)
		}
		calls := s.player.took()
		if len(calls) == 0 || calls[0] != "2.5s work push" {
			t.Errorf("a burst is pushed after half a second, got %q", calls)
		}
		if len(calls) > 6 {
			t.Errorf("a burst of two seconds led to %d pushes", len(calls))
		}
	})
}

func TestEngineOwnWritesLeadToOnePush(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 60, "work")}, func(s *stage) {
		s.player.took()
		s.player.plays(func(ctx context.Context, _ string, d Direction, _ func(Progress)) (Result, error) {
			if d == Push {
				return Result{}, nil
			}
			for range 4 {
				s.look.change("/home/me/Mail/work")
				<-time.After(50 * time.Millisecond)
			}
			s.look.change("/home/me/Mail/work")
			return Result{Summary: Summary{New: 4}}, nil
		})
		s.pass(4 * time.Minute)
		s.expect("3m0s work pull", "3m0.35s work push")

		// With a push to come anyway, that is the one.
		s.SyncNow("")
		s.pass(time.Minute)
		s.expect("4m0s work pull", "4m0.35s work push")
	})
}

func TestEngineSelfTriggeringPushCalmsDown(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(600, 600, "work")}, func(s *stage) {
		s.player.plays(func(_ context.Context, _ string, d Direction, _ func(Progress)) (Result, error) {
			if d == Push {
				s.look.change("/home/me/Mail/work")
				<-time.After(10 * time.Millisecond)
			}
			return Result{}, nil
		})
		s.look.change("/home/me/Mail/work")
		s.pass(10 * time.Minute)
		if n := len(s.player.took()); n < 5 || n > 25 {
			t.Errorf("%d runs in ten minutes", n)
		}
	})
}

func TestEngineBacksOff(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(0, 600, "work")}, func(s *stage) {
		sub := s.Subscribe()
		defer sub.Close()
		s.pass(time.Second)
		s.player.took()
		s.player.fails("", fault.Network)
		s.SyncNow("work")
		s.expect("1s work pull")
		if st := s.only(); st.Problem != nil || !st.Retrying || st.LastError == nil || st.NextRun.Sub(s.player.start) != 6*time.Second {
			t.Errorf("the first failure is not silent, or not retried: %+v", st)
		}
		s.overall(Offline)
		if raised := happened[ProblemRaised](sub); len(raised) != 0 {
			t.Errorf("the first failure was told: %v", raised)
		}

		s.pass(time.Hour)
		calls := s.player.took()
		want := []string{
			"6s work pull", "21s work pull", "1m6s work pull", "3m21s work pull", "10m6s work pull", "20m6s work pull",
			"30m6s work pull", "40m6s work pull", "50m6s work pull",
		}
		if len(calls) < len(want) || !slices.Equal(calls[:len(want)], want) {
			t.Errorf("retried %q, want %q", calls, want)
		}
		s.overall(Offline)
		raised := happened[ProblemRaised](sub)
		if len(raised) != len(calls) || raised[0].Problem.Count != 2 || raised[0].Problem.Err.Endpoint != "work" {
			t.Errorf("%d retries were told %d times: %+v", len(calls), len(raised), raised)
		}

		s.player.plays(nil)
		s.SetOnline(true)
		synctest.Wait()
		if n := len(s.player.took()); n != 2 {
			t.Errorf("%d runs when the network is there, want pull and push", n)
		}
		if st := s.only(); st.Problem != nil || st.LastError != nil || st.Retrying {
			t.Errorf("the problem is not over: %+v", st)
		}
		if cleared := happened[ProblemCleared](sub); len(cleared) != 1 {
			t.Errorf("cleared %d times", len(cleared))
		}
		s.overall(Idle)
	})
}

func TestEngineChangesWaitForTheRetry(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(600, 600, "work")}, func(s *stage) {
		s.player.fails("", fault.Network)
		s.SyncNow("work")
		s.pass(time.Second)
		s.player.took()
		s.player.plays(nil)
		s.look.change("/home/me/Mail/work")
		s.pass(time.Minute)
		s.expect("5s work pull", "5s work push")
	})
}

func TestEngineFailureThatNeedsAPerson(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 10, "work")}, func(s *stage) {
		s.player.took()
		sub := s.Subscribe()
		defer sub.Close()
		s.player.fails(Pull, fault.Auth)
		s.SyncNow("")
		s.expect("0s work pull") // and no push
		s.overall(Attention)
		if raised := happened[ProblemRaised](sub); len(raised) != 1 || raised[0].Problem.Err.Kind != fault.Auth {
			t.Errorf("told %v", raised)
		}
		if s.only().Retrying {
			t.Error("it will not mend by itself")
		}
		s.player.plays(nil)
		s.pass(3 * time.Minute)
		s.expect("3m0s work pull", "3m0s work push")
		s.overall(Idle)
		if cleared := happened[ProblemCleared](sub); !slices.Equal(cleared, []ProblemCleared{{"work"}}) {
			t.Errorf("cleared %v", cleared)
		}
	})
}

func TestEngineRefusedPush(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(60, 60, "work")}, func(s *stage) {
		s.player.took()
		refused := false
		s.player.plays(func(_ context.Context, _ string, d Direction, _ func(Progress)) (Result, error) {
			if d == Push && !refused {
				refused = true
				return Result{}, fault.New(fault.Conflict, "push", "", nil)
			}
			return Result{Summary: Summary{Flagged: 1}}, nil
		})
		s.look.change("/home/me/Mail/work")
		s.pass(time.Second)
		s.expect("150ms work push", "150ms work pull", "300ms work push")
		st := s.only()
		if st.LastError != nil || st.Problem != nil {
			t.Errorf("a refused push counts as a failure: %+v", st)
		}
		if st.LastChange.Flagged != 2 {
			t.Errorf("pull and push don't add up: %+v", st.LastChange)
		}
	})
}

func TestEnginePauseCancelsAndResumeSyncs(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 10, "a"), minutes(3, 10, "b")}, func(s *stage) {
		sub := s.Subscribe()
		defer sub.Close()
		s.player.took()
		s.player.plays(until)
		s.SyncNow("a")
		s.expect("0s a pull")
		s.Pause("a")
		synctest.Wait()
		a := s.State().Endpoints[0]
		if !a.Paused || a.Progress.Phase != PhaseIdle || a.LastError != nil || !a.NextRun.IsZero() {
			t.Errorf("paused: %+v", a)
		}
		s.overall(Idle) // b is not paused
		s.player.plays(nil)
		s.look.change("/home/me/Mail/a")
		s.pass(3 * time.Minute)
		s.expect("3m0s b pull")

		s.SyncNow("a") // an explicit request runs once
		s.expect("3m0s a pull", "3m0s a push")
		s.Resume("a")
		s.expect("3m0s a pull", "3m0s a push")
		s.Resume("a") // and again nothing
		s.expect()
		if raised := happened[ProblemRaised](sub); len(raised) != 0 {
			t.Errorf("a cancelled run was told: %v", raised)
		}

		s.Pause("")
		s.overall(Paused)
		s.pass(time.Hour)
		s.expect()
		s.Resume("")
		s.overall(Idle)
		if n := len(s.player.took()); n != 4 {
			t.Errorf("%d runs after resuming two endpoints, want 4", n)
		}
	})
}

// TestEnginePauseBetweenTwoRuns pauses while a push waits for the watch to tell
// all that the pull wrote.
func TestEnginePauseBetweenTwoRuns(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(60, 60, "work")}, func(s *stage) {
		s.player.took()
		s.player.plays(func(context.Context, string, Direction, func(Progress)) (Result, error) {
			return Result{Summary: Summary{New: 1}}, nil
		})
		s.SyncNow("")
		s.expect("0s work pull")
		s.Pause("")
		s.overall(Paused)
		s.pass(time.Minute)
		s.expect()
		s.Resume("")
		s.pass(time.Minute)
		s.expect("1m0s work pull", "1m0.15s work push")
	})
}

func TestEnginePausedBeforeTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, []config.LoopEntry{minutes(3, 10, "a"), minutes(3, 10, "b")})
		s.Pause("b")
		s.run()
		s.expect("0s a pull", "0s a push")
		s.Pause("")
		s.write(func() { s.entries = append(s.entries, minutes(1, 1, "c")) })
		s.Reload()
		s.pass(time.Minute)
		s.expect()
		s.overall(Paused)
		s.stop()
	})
}

func TestEngineHeldDeletions(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 0, "work")}, func(s *stage) {
		s.player.took()
		sub := s.Subscribe()
		defer sub.Close()
		held := []HeldFolder{{"Mail/lists", 12, Pull}}
		s.player.plays(func(_ context.Context, _ string, d Direction, _ func(Progress)) (Result, error) {
			if d == Push {
				return Result{}, nil
			}
			return Result{Held: held}, nil
		})
		s.pass(9 * time.Minute)
		s.overall(Attention)
		st := s.only()
		if st.Problem == nil || st.Problem.Err.Kind != fault.Held || !slices.Equal(st.Held, held) || st.LastError != nil {
			t.Errorf("held: %+v", st)
		}
		if raised := happened[ProblemRaised](sub); len(raised) != 1 {
			t.Errorf("told %d times in three runs, want once", len(raised))
		}
		s.SyncNow("") // the push knows nothing of it
		s.overall(Attention)
		s.player.took()

		s.player.plays(lasting(time.Minute))
		s.SyncNow("") // confirming waits for it
		synctest.Wait()
		if err := s.Confirm("work"); err != nil {
			t.Error(err)
		}
		s.pass(10 * time.Second)
		s.expect("9m0s work pull", "10m0s work push", "11m0s work confirm", "11m0s work pull")
		s.pass(2 * time.Minute)
		s.overall(Idle)
		if st := s.only(); st.Problem != nil || st.Held != nil {
			t.Errorf("no longer held: %+v", st)
		}
		s.player.took()
		if err := s.Restore("work"); err != nil {
			t.Error(err)
		}
		s.pass(time.Second)
		if calls := s.player.took(); len(calls) != 2 || !strings.HasSuffix(calls[0], "work restore") {
			t.Errorf("restore: %q", calls)
		}
		for _, name := range []string{"nobody", ""} {
			if err := s.Confirm(name); !fault.Is(err, fault.Config) {
				t.Errorf("confirming %q: %v", name, err)
			}
		}
	})
}

// A failure of notmuch is told, and keeps neither new mail from being told nor
// changes from being pushed.
func TestEngineTellsOfNotmuch(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 3, "work")}, func(s *stage) {
		problems, arrivals := s.Subscribe(), s.Subscribe()
		defer problems.Close()
		defer arrivals.Close()
		var ran []Direction
		s.player.plays(func(_ context.Context, _ string, d Direction, _ func(Progress)) (Result, error) {
			ran = append(ran, d)
			return Result{Summary: Summary{New: 1}, Unindexed: &fault.Error{Kind: fault.Hook}}, nil
		})
		s.pass(4 * time.Minute) // the push waits until the mailbox is quiet
		s.overall(Attention)
		if raised := happened[ProblemRaised](problems); len(raised) != 1 || raised[0].Problem.Err.Kind != fault.Hook {
			t.Errorf("told %v", raised)
		}
		if mail := happened[NewMail](arrivals); len(mail) != 1 {
			t.Errorf("new mail %v", mail)
		}
		if !slices.Equal(ran, []Direction{Pull, Push}) {
			t.Errorf("ran %v", ran)
		}
		s.player.plays(nil)
		s.pass(3 * time.Minute)
		s.overall(Idle)
	})
}

func TestEngineTellsOfDamageAndNewMail(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 0, "work")}, func(s *stage) {
		sub := s.Subscribe()
		defer sub.Close()
		s.player.plays(func(context.Context, string, Direction, func(Progress)) (Result, error) {
			return Result{Summary: Summary{New: 3}, Damaged: []string{"Mail/cur/1"}}, nil
		})
		s.pass(3 * time.Minute)
		s.overall(Attention)
		if raised := happened[ProblemRaised](sub); len(raised) != 1 || raised[0].Problem.Err.Kind != fault.Damaged {
			t.Errorf("told %v", raised)
		}
		s.pass(3 * time.Minute)
		if mail := happened[NewMail](sub); !slices.Equal(mail, []NewMail{{Endpoint: "work", Count: 3}}) {
			t.Errorf("new mail %v", mail)
		}
		s.player.plays(nil)
		s.pass(3 * time.Minute)
		s.overall(Idle)
	})
}

func TestEngineProgressIsThrottled(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(60, 60, "work")}, func(s *stage) {
		sub := s.Subscribe()
		defer sub.Close()
		const steps = 1000
		s.player.plays(func(ctx context.Context, _ string, _ Direction, report func(Progress)) (Result, error) {
			for i := range steps {
				report(Progress{Phase: PhaseTransferring, Done: i + 1, Total: steps})
				<-time.After(time.Millisecond)
			}
			<-ctx.Done() // a lull: the last value must be shown without another
			return Result{}, ctx.Err()
		})
		s.SyncNow("")
		synctest.Wait()
		published := 0
		for end := time.After(2 * time.Second); ; {
			select {
			case <-sub.Changed():
				published++
				continue
			case <-end:
			}
			break
		}
		if published < 5 || published > 15 {
			t.Errorf("%d publications in a second of progress", published)
		}
		if p := s.only().Progress; p.Done != steps {
			t.Errorf("the last value did not arrive: %+v", p)
		}
	})
}

func TestEngineReload(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 10, "a"), minutes(3, 10, "b"), minutes(3, 10, "c")}, func(s *stage) {
		sub := s.Subscribe()
		defer sub.Close()
		s.player.took()
		s.player.plays(until)
		s.SyncNow("a")
		s.SyncNow("b")
		synctest.Wait()
		s.player.took()

		// a stays as it is, at work; b goes, at work; c gets another root; d comes.
		s.player.plays(nil)
		s.write(func() {
			s.entries = []config.LoopEntry{minutes(3, 10, "d"), minutes(3, 10, "a"), minutes(3, 10, "c")}
			s.root["c"] = "Maildir"
		})
		s.look.change("config")
		s.pass(configQuiet)
		var names []string
		for _, ep := range s.State().Endpoints {
			names = append(names, ep.Name)
		}
		if !slices.Equal(names, []string{"d", "a", "c"}) {
			t.Errorf("endpoints %v", names)
		}
		if phase := s.State().Endpoints[1].Progress.Phase; phase == PhaseIdle {
			t.Error("the run of an endpoint that stays was disturbed")
		}
		calls := s.player.took()
		slices.Sort(calls)
		if want := []string{"300ms c pull", "300ms c push", "300ms d pull", "300ms d push"}; !slices.Equal(calls, want) {
			t.Errorf("ran %q, want %q", calls, want)
		}
		want := []string{"/home/me/Mail/a", "/home/me/Mail/d", "/home/me/Maildir", "config"}
		if got := s.look.watched(); !slices.Equal(got, want) {
			t.Errorf("watched %v, want %v", got, want)
		}
		if n := len(happened[Reloaded](sub)); n != 1 {
			t.Errorf("reloaded %d times", n)
		}
	})
}

func TestEngineEndpointComesBackWhileItEnds(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 10, "a"), minutes(3, 10, "b")}, func(s *stage) {
		all := s.entries
		s.player.took()
		s.player.plays(func(ctx context.Context, _ string, _ Direction, _ func(Progress)) (Result, error) {
			<-ctx.Done()
			<-time.After(time.Second) // it takes its time to end
			return Result{}, ctx.Err()
		})
		s.SyncNow("a")
		synctest.Wait()
		s.player.plays(nil)
		s.write(func() { s.entries = all[1:] })
		s.Reload()
		synctest.Wait()
		s.write(func() { s.entries = all })
		s.Reload()
		s.pass(10 * time.Second)
		s.expect("0s a pull", "1s a pull", "1s a push")
	})
}

func TestEngineSetup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, []config.LoopEntry{minutes(3, 10, "work")})
		sub := s.Subscribe()
		defer sub.Close()
		template := fault.New(fault.Config, "read the configuration", "/home/me/.smd/config.work", errors.New("a template was written"))
		s.write(func() { s.broken["work"] = template })
		s.run()
		s.overall(Attention)
		if st := s.State(); st.Setup == nil || st.Setup.Path != template.Path || len(st.Endpoints) != 0 {
			t.Errorf("state %+v", st)
		}
		s.SyncNow("") // reads it again, and does not repeat itself
		s.pass(time.Hour)
		s.expect()
		if raised := happened[ProblemRaised](sub); len(raised) != 1 || raised[0].Endpoint != "" {
			t.Errorf("told %v", raised)
		}

		s.write(func() { delete(s.broken, "work") })
		s.look.change("config")
		s.pass(time.Second)
		s.overall(Idle)
		if n := len(s.player.took()); n != 2 {
			t.Errorf("%d runs after the configuration was written, want 2", n)
		}
		if cleared := happened[ProblemCleared](sub); !slices.Equal(cleared, []ProblemCleared{{}}) {
			t.Errorf("cleared %v", cleared)
		}

		// A slip in the loop file stops nothing that runs.
		s.write(func() { s.err = fault.New(fault.Config, "read the loop file", "", nil) })
		s.Reload()
		s.pass(3 * time.Minute)
		s.overall(Attention)
		if n := len(s.player.took()); n != 1 {
			t.Errorf("%d runs in three minutes, want 1", n)
		}
		s.stop()
	})
}

func TestEngineMendedConfigurationIsTriedAtOnce(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(60, 60, "work")}, func(s *stage) {
		s.player.fails("", fault.Config)
		s.SyncNow("")
		s.overall(Attention)
		s.player.plays(nil)
		s.look.change("config")
		s.pass(time.Second)
		s.overall(Idle)
	})
}

func TestEngineLostWatchIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 60, "work")}, func(s *stage) {
		s.player.took()
		s.look.breaks("/home/me/Mail/work")
		s.pass(3 * time.Minute)
		s.expect("3m0s work pull")
		s.look.change("/home/me/Mail/work")
		s.pass(time.Second)
		s.expect("3m0.15s work push")
		s.stop()
		if !strings.Contains(s.log.String(), "not watched any more") {
			t.Errorf("the log does not tell:\n%s", s.log)
		}
	})
}

func TestEngineWithoutWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, []config.LoopEntry{minutes(3, 0, "work"), minutes(0, 3, "home")})
		s.look.fail = errors.New("too many files watched")
		s.run()
		s.pass(3 * time.Minute)
		calls := s.player.took()
		slices.Sort(calls)
		if want := []string{"0s home push", "0s work pull", "3m0s home push", "3m0s work pull"}; !slices.Equal(calls, want) {
			t.Errorf("ran %q, want %q", calls, want)
		}
		s.stop()
	})
}

func TestEngineStopWaitsForRuns(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 10, "a"), minutes(3, 10, "b")}, func(s *stage) {
		s.player.plays(func(ctx context.Context, _ string, _ Direction, report func(Progress)) (Result, error) {
			<-ctx.Done()
			<-time.After(time.Second)
			report(Progress{Phase: PhaseAgreeing})
			return Result{}, ctx.Err()
		})
		sub := s.Subscribe()
		defer sub.Close()
		s.SyncNow("")
		synctest.Wait()
		began := time.Now()
		s.stop()
		if took := time.Since(began); took != time.Second {
			t.Errorf("stopping took %v, want the second the runs take to end", took)
		}
		if raised := happened[ProblemRaised](sub); len(raised) != 0 {
			t.Errorf("stopping was told as a problem: %v", raised)
		}
		for _, ep := range s.State().Endpoints {
			if ep.Progress.Phase != PhaseIdle || ep.LastError != nil || !ep.NextRun.IsZero() {
				t.Errorf("after the end: %+v", ep)
			}
		}
		s.SyncNow("") // nobody is there to do it; it must not block
		s.Pause("a")
		s.Reload()
		if err := s.Confirm("a"); !fault.Is(err, fault.Config) {
			t.Errorf("confirming after the end: %v", err)
		}
		if err := s.Run(t.Context()); err == nil {
			t.Error("an engine runs only once")
		}
	})
}

func TestEngineEventsOfARun(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(60, 0, "work")}, func(s *stage) {
		sub := s.Subscribe()
		defer sub.Close()
		s.player.plays(func(context.Context, string, Direction, func(Progress)) (Result, error) {
			return Result{}, errors.New("not classified")
		})
		s.pass(time.Hour)
		want := []string{
			"sync.RunStarted work pull",
			"sync.RunFinished work pull internal",
			"sync.ProblemRaised work internal",
		}
		var got []string
		for len(sub.Events()) > 0 {
			switch ev := (<-sub.Events()).(type) {
			case RunStarted:
				got = append(got, fmt.Sprintf("%T %s %s", ev, ev.Endpoint, ev.Direction))
			case RunFinished:
				got = append(got, fmt.Sprintf("%T %s %s %s", ev, ev.Endpoint, ev.Direction, ev.Err.Kind))
			case ProblemRaised:
				got = append(got, fmt.Sprintf("%T %s %s", ev, ev.Endpoint, ev.Problem.Err.Kind))
			default:
				got = append(got, fmt.Sprintf("%T", ev))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
		s.stop()
		for _, words := range []string{`msg="pull: nothing new" endpoint=work took=`, `msg="pull failed" endpoint=work took=`, "kind=internal", "wayOut="} {
			if !strings.Contains(s.log.String(), words) {
				t.Errorf("the log lacks %q:\n%s", words, s.log)
			}
		}
	})
}

// TestEngineSlowReaderSeesTheLatestState never reads its events, and its
// changes only at the end.
func TestEngineSlowReaderSeesTheLatestState(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(1, 1, "work")}, func(s *stage) {
		sub := s.Subscribe()
		defer sub.Close()
		s.pass(10 * time.Hour)
		s.player.fails("", fault.Permission)
		s.pass(time.Minute)
		<-sub.Changed()
		if st := s.State(); st.Overall != Attention || st.Endpoints[0].Problem.Err.Kind != fault.Permission {
			t.Errorf("state %+v", st)
		}
		var last Event
		for len(sub.Events()) > 0 {
			last = <-sub.Events()
		}
		if _, ok := last.(ProblemRaised); !ok {
			t.Errorf("the last event is %T, want the latest one", last)
		}
	})
}

func TestEngineSyncTellsTheOutcome(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(0, 0, "work"), minutes(0, 0, "home")}, func(s *stage) {
		outcomes := make(chan error, 3)
		ask := func(endpoint string) {
			go func() { outcomes <- s.Sync(s.t.Context(), endpoint) }()
			synctest.Wait()
		}
		s.player.plays(lasting(time.Second))
		ask("work")
		ask("work") // while the first is under way: it gets runs of its own
		s.pass(2 * time.Second)
		if len(outcomes) != 1 || <-outcomes != nil {
			t.Error("the first was not told of its success alone")
		}
		s.pass(2 * time.Second)
		if err := <-outcomes; err != nil {
			t.Errorf("the second: %v", err)
		}
		s.expect("0s work pull", "1s work push", "2s work pull", "3s work push")

		s.player.plays(func(_ context.Context, endpoint string, _ Direction, _ func(Progress)) (Result, error) {
			if endpoint == "work" {
				return Result{}, fault.New(fault.Auth, "log in", "", errors.New("as written"))
			}
			return Result{}, nil
		})
		ask("")
		if err := fault.As(<-outcomes); err.Kind != fault.Auth || err.Endpoint != "work" {
			t.Errorf("one of two failed: %v", err)
		}
		ask("nowhere")
		if err := <-outcomes; !fault.Is(err, fault.Config) {
			t.Errorf("an endpoint that is none: %v", err)
		}

		s.player.plays(until)
		ask("home")
		s.Pause("home")
		if err := <-outcomes; err == nil {
			t.Error("a cancelled sync is a success")
		}
		ask("home") // even of a paused one
		ctx, cancel := context.WithCancel(s.t.Context())
		go func() { outcomes <- s.Sync(ctx, "home") }()
		synctest.Wait()
		cancel()
		if err := <-outcomes; !errors.Is(err, context.Canceled) {
			t.Errorf("whose asker went: %v", err)
		}
		s.stop()
		if err := <-outcomes; err == nil {
			t.Error("a sync that the end cut off is a success")
		}
	})
}

func TestOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &player{t: t, start: time.Now(), running: make(map[string]bool)}
		p.plays(func(_ context.Context, _ string, d Direction, _ func(Progress)) (Result, error) {
			return Result{Summary: Summary{New: 2}, Held: []HeldFolder{{Folder: "Mail", Count: 60, By: d}}}, nil
		})
		result, err := Once(t.Context(), p, "work", nil)
		if err != nil || result.Summary.New != 4 || len(result.Held) != 2 {
			t.Errorf("both went well: %+v, %v", result, err)
		}
		p.fails(Pull, fault.Network)
		if _, err := Once(t.Context(), p, "work", nil); !fault.Is(err, fault.Network) {
			t.Errorf("a pull that failed: %v", err)
		}
		want := []string{"0s work pull", "0s work push", "0s work pull"}
		if got := p.took(); !slices.Equal(got, want) {
			t.Errorf("runs %q, want %q", got, want)
		}
	})
}

// What a person asks for may ask that person back; nothing else may.
func TestEngineClicks(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 0, "work")}, func(s *stage) {
		s.player.took()
		var mu stdsync.Mutex
		clicks := make(map[string]*remote.Click)
		s.player.plays(func(ctx context.Context, _ string, d Direction, _ func(Progress)) (Result, error) {
			mu.Lock()
			defer mu.Unlock()
			clicks[string(d)] = remote.ClickOf(ctx)
			return Result{}, nil
		})
		attended := func(what string, want bool) *remote.Click {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			for d, click := range clicks {
				if (click != nil) != want {
					t.Errorf("%s: in the %s somebody may be asked: %v", what, d, click != nil)
				}
			}
			if len(clicks) == 0 || clicks["push"] != nil && clicks["push"] != clicks["pull"] {
				t.Errorf("%s: the runs have the clicks %v", what, clicks)
			}
			click := clicks["pull"]
			clear(clicks)
			return click
		}
		s.pass(3 * time.Minute)
		attended("the timer", false)
		s.SyncUnattended("")
		attended("a signal", false)
		s.SyncNow("")
		first := attended("a click", true)
		if err := s.Sync(s.t.Context(), "work"); err != nil {
			t.Error(err)
		}
		if second := attended("a command", true); second == first {
			t.Error("two clicks are one")
		}
		s.pass(3 * time.Minute)
		attended("the timer again", false)
	})
}
