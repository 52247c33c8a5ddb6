package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	stdsync "sync"
	"time"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
)

// configQuiet is how long the configuration must rest before it is read again:
// editors write in several steps.
const configQuiet = 300 * time.Millisecond

// Engine keeps the endpoints of ~/.smd/loop in sync: by timers, on local
// changes and on request. Its methods may be called from any goroutine, at any
// time; requests have an effect only while Run runs, but for Pause, which is
// remembered.
type Engine struct {
	opts    Options
	reload  chan struct{} // one slot
	checks  chan struct{}
	loaded  chan struct{} // closed when the endpoints are known
	workers stdsync.WaitGroup

	mu        stdsync.Mutex // guards all below, and every endpoint's state
	started   bool
	endpoints []*endpoint // in the order of the loop file
	setup     *Problem
	subs      map[*Subscription]struct{}
	machine   conditions
	pausedAll pause            // new endpoints too
	paused    map[string]pause // by name, kept while an endpoint is not listed
	recent    []Activity
	chosen    config.Preferences

	choosing stdsync.Mutex // held while the file of settings is read or written

	leaving map[string]*endpoint // Run's own: removed, perhaps not yet ended
}

// NewEngine returns an engine that does nothing until [Engine.Run].
func NewEngine(opts Options) *Engine {
	return &Engine{
		opts:    opts.withDefaults(),
		reload:  make(chan struct{}, 1),
		checks:  make(chan struct{}),
		loaded:  make(chan struct{}),
		subs:    make(map[*Subscription]struct{}),
		paused:  make(map[string]pause),
		leaving: make(map[string]*endpoint),
	}
}

// Run runs the engine until ctx ends, then cancels the runs going on, waits for
// them and returns nil. An engine runs once; a second call is an error.
func (e *Engine) Run(ctx context.Context) error {
	e.mu.Lock()
	again := e.started
	e.started = true
	e.mu.Unlock()
	if again {
		return errors.New("the engine was started before; make a new one")
	}
	ctx, cancel := context.WithCancel(ctx)
	var changed <-chan struct{}
	defer func() {
		cancel()
		drain(changed)
		e.workers.Wait()
	}()

	// The first load may create ~/.smd, and so make it possible to watch it.
	changed = e.watchConfig(ctx, nil)
	e.load(ctx)
	close(e.loaded)
	changed = e.watchConfig(ctx, changed)

	settle := time.NewTimer(configQuiet)
	settle.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-changed:
			if !ok {
				changed = nil // the next load tries again
				continue
			}
			settle.Reset(configQuiet)
			continue
		case <-e.checks:
			continue
		case <-settle.C:
		case <-e.reload:
		}
		e.load(ctx)
		changed = e.watchConfig(ctx, changed)
		e.post(Reloaded{})
	}
}

// State returns the state of now. What it points to is never changed later.
func (e *Engine) State() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	var s State
	if e.setup != nil {
		s.Setup = e.setup.Err
	}
	for _, ep := range e.endpoints {
		s.Endpoints = append(s.Endpoints, ep.state)
	}
	s.Overall = overall(s)
	s.Recent = e.recent
	s.Settings = e.settings()
	return s
}

// Subscribe adds a reader; it must Close its subscription.
func (e *Engine) Subscribe() *Subscription {
	s := newSubscription(e)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.subs[s] = struct{}{}
	return s
}

func (e *Engine) unsubscribe(s *Subscription) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.subs, s)
}

// SyncNow asks for a pull and a push of an endpoint, of all when it is empty,
// as soon as possible; even of a paused one, once. With no usable configuration
// it reads that again. It is a person's wish, who may be asked for the passphrase
// of a key.
func (e *Engine) SyncNow(endpoint string) { e.syncSoon(endpoint, new(remote.Click)) }

// SyncUnattended is [Engine.SyncNow] for a program's wish: nobody is asked.
func (e *Engine) SyncUnattended(endpoint string) { e.syncSoon(endpoint, nil) }

func (e *Engine) syncSoon(endpoint string, click *remote.Click) {
	e.mu.Lock()
	broken := e.setup != nil
	e.mu.Unlock()
	if broken {
		e.Reload()
	}
	for _, ep := range e.named(endpoint) {
		ep.tell(func(time.Time) { ep.want(click) })
	}
}

// Sync is [Engine.SyncNow], and returns what came of it when the runs have
// ended: the failures of all endpoints, joined. It ends early with ctx; the runs
// go on. Of kind [fault.Config] is the failure when no such endpoint runs.
func (e *Engine) Sync(ctx context.Context, endpoint string) error {
	select {
	case <-e.loaded: // who asks at the start is answered when there is an answer
	case <-ctx.Done():
		return ctx.Err()
	}
	endpoints := e.named(endpoint)
	if len(endpoints) == 0 {
		e.SyncNow(endpoint)
		return e.noSuch("sync", endpoint)
	}
	click := new(remote.Click)
	outcomes := make([]chan error, len(endpoints))
	for i, ep := range endpoints {
		outcomes[i] = make(chan error, 1)
		ep.tell(func(time.Time) {
			ep.waiting = append(ep.waiting, outcomes[i])
			ep.want(click)
		})
	}
	errs := make([]error, len(endpoints))
	for i, ep := range endpoints {
		select {
		case errs[i] = <-outcomes[i]:
		case <-ctx.Done():
			return ctx.Err()
		case <-ep.gone:
			select {
			case errs[i] = <-outcomes[i]:
			default: // the order came too late
				errs[i] = ep.stopped()
			}
		}
	}
	return errors.Join(errs...)
}

// noSuch is the failure of a request for an endpoint that does not run; or what
// is wrong with the configuration, where that is why.
func (e *Engine) noSuch(op, endpoint string) *fault.Error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if endpoint == "" && e.setup != nil {
		return e.setup.Err
	}
	err := fault.New(fault.Config, op, endpoint, errors.New("no such endpoint is running"))
	err.Hint = "name one that the loop file lists"
	return err
}

// Wake syncs an endpoint at once, unless it is paused: there is something to do.
// It never waits, so that a run that is ending may call it.
func (e *Engine) Wake(endpoint string) {
	for _, ep := range e.named(endpoint) {
		select {
		case ep.woken <- struct{}{}:
		default:
		}
	}
}

// Pause stops an endpoint, or all when it is empty, including those to come,
// until it is resumed or the program ends. A run going on is cancelled.
func (e *Engine) Pause(endpoint string) { e.PauseUntil(endpoint, time.Time{}) }

// PauseUntil is [Engine.Pause] with an end: at that time of the clock on the
// wall it is as if [Engine.Resume] was called, also on a machine that slept
// meanwhile. The zero time is no end. The last pause counts.
func (e *Engine) PauseUntil(endpoint string, until time.Time) {
	p := pause{on: true, until: until.Round(0)}
	e.mu.Lock()
	if endpoint == "" {
		e.pausedAll = p
		clear(e.paused)
	} else {
		e.paused[endpoint] = p
	}
	e.mu.Unlock()
	for _, ep := range e.named(endpoint) {
		ep.tell(func(time.Time) { ep.pause(p.until) })
	}
}

// Resume lets an endpoint, or all when it is empty, run again, and syncs it.
func (e *Engine) Resume(endpoint string) {
	e.mu.Lock()
	e.pausedAll = pause{}
	if endpoint == "" {
		clear(e.paused)
	} else {
		delete(e.paused, endpoint)
	}
	e.mu.Unlock()
	for _, ep := range e.named(endpoint) {
		ep.tell(ep.resume)
	}
}

// Confirm lets the endpoint's held deletions happen, and syncs it. It waits for
// a run going on. The errors are those of [Runner.Confirm], and of kind
// [fault.Config] when no such endpoint runs.
func (e *Engine) Confirm(endpoint string) error {
	return e.settleHeld("confirm", endpoint, e.opts.Runner.Confirm)
}

// Restore undoes the endpoint's held deletions, and syncs it. It waits and
// fails as [Engine.Confirm] does.
func (e *Engine) Restore(endpoint string) error {
	return e.settleHeld("restore", endpoint, e.opts.Runner.Restore)
}

func (e *Engine) settleHeld(op, name string, do func(string) error) error {
	unknown := e.noSuch(op, name)
	if name == "" {
		return unknown
	}
	for _, ep := range e.named(name) {
		return ep.between(context.Background(), unknown, func() error {
			if err := do(name); err != nil {
				return fmt.Errorf("%s %s: %w", op, name, err)
			}
			ep.agenda.ask(both, true)
			return nil
		})
	}
	return unknown
}

// Reload reads the configuration again: endpoints come and go, the others'
// runs are not disturbed.
func (e *Engine) Reload() {
	select {
	case e.reload <- struct{}{}:
	default:
	}
}

// named returns the endpoints meant by name; all when it is empty.
func (e *Engine) named(name string) []*endpoint {
	e.mu.Lock()
	defer e.mu.Unlock()
	var found []*endpoint
	for _, ep := range e.endpoints {
		if name == "" || ep.name == name {
			found = append(found, ep)
		}
	}
	return found
}

// update changes ep's state and tells the readers.
func (e *Engine) update(ep *endpoint, change func(*EndpointState)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&ep.state)
	e.signal()
}

// signal tells the readers that the state changed. The caller holds mu.
func (e *Engine) signal() {
	for s := range e.subs {
		s.signal()
	}
}

// post sends an event; the state it belongs to has been updated before.
func (e *Engine) post(ev Event) {
	e.mu.Lock()
	subs := slices.Collect(maps.Keys(e.subs))
	e.mu.Unlock()
	for _, s := range subs {
		s.send(ev)
	}
}

// watchConfig watches the configuration, unless current does already. It does
// without when that fails.
func (e *Engine) watchConfig(ctx context.Context, current <-chan struct{}) <-chan struct{} {
	if current != nil || e.opts.Watcher == nil {
		return current
	}
	changed, err := e.opts.Watcher.Config(ctx, e.opts.Paths)
	if err != nil {
		e.opts.Logger.Info("the configuration is not watched", "err", err)
		return nil
	}
	return changed
}

// settings is what an endpoint is to do; config is nil when it can't be read,
// and then the endpoint's runs tell why.
type settings struct {
	schedule schedule
	config   *config.Endpoint
}

func (s settings) announces() bool { return s.config != nil && s.config.NotifyNewMail }

// load reads the configuration and starts, changes and ends endpoints
// accordingly. A loop file that can't be read leaves them as they are.
func (e *Engine) load(ctx context.Context) {
	e.loadPreferences()
	entries, err := e.opts.LoadLoop(e.opts.Paths)
	if err != nil {
		e.setSetup(fault.As(err))
		return
	}
	wanted := make(map[string]settings)
	var names []string
	var unusable error
	usable := len(e.named("")) > 0
	for _, entry := range entries {
		cfg, err := e.opts.LoadEndpoint(ctx, e.opts.Paths, entry.Endpoint)
		if err != nil {
			cfg = nil
			if unusable == nil {
				unusable = err
			}
		} else {
			usable = true
		}
		if _, twice := wanted[entry.Endpoint]; !twice {
			names = append(names, entry.Endpoint)
		}
		wanted[entry.Endpoint] = settings{schedule{entry.Pull, entry.Push}, cfg}
	}
	if ctx.Err() != nil {
		return
	}
	switch {
	case len(entries) == 0:
		e.setSetup(fault.New(fault.Config, "read the loop file", e.opts.Paths.Loop(), errors.New("it names no endpoint")))
	case !usable:
		e.setSetup(fault.As(unusable))
		return
	default:
		e.setSetup(nil)
	}
	e.arrange(ctx, names, wanted)
}

// arrange makes the endpoints running those that are wanted.
func (e *Engine) arrange(ctx context.Context, names []string, wanted map[string]settings) {
	running := make(map[string]*endpoint)
	for _, ep := range e.named("") {
		if _, ok := wanted[ep.name]; ok {
			running[ep.name] = ep
			continue
		}
		ep.end()
		e.leaving[ep.name] = ep
		e.opts.Logger.Info("endpoint removed", "endpoint", ep.name)
	}
	var kept, added []*endpoint
	e.mu.Lock()
	var order []*endpoint
	for _, name := range names {
		ep := running[name]
		if ep != nil {
			kept = append(kept, ep)
		} else {
			ep = newEndpoint(ctx, e, name, wanted[name], e.leaving[name], e.pauseOf(name, time.Now()), e.conditions())
			delete(e.leaving, name)
			added = append(added, ep)
		}
		order = append(order, ep)
	}
	var mended []string // by being removed
	for _, ep := range e.endpoints {
		if running[ep.name] != ep && ep.state.Problem != nil {
			mended = append(mended, ep.name)
		}
	}
	e.endpoints = order
	e.signal()
	e.mu.Unlock()

	for _, ep := range added {
		e.workers.Go(ep.loop)
	}
	for _, ep := range kept {
		ep.tell(func(now time.Time) { ep.reconfigure(now, wanted[ep.name]) })
	}
	for _, name := range mended {
		e.post(ProblemCleared{Endpoint: name})
	}
}

// setSetup records the problem with the configuration as a whole, nil for none.
func (e *Engine) setSetup(err *fault.Error) {
	e.mu.Lock()
	before := e.setup
	switch {
	case err == nil:
		e.setup = nil
	case before != nil && before.Err.Error() == err.Error():
	default:
		e.setup = &Problem{Err: err, Since: time.Now(), Count: 1}
	}
	now := e.setup
	e.signal()
	e.mu.Unlock()
	switch {
	case now == before:
	case now == nil:
		e.post(ProblemCleared{})
	default:
		e.opts.Logger.Error("configuration", "kind", err.Kind, "err", err, "wayOut", err.WayOut())
		e.post(ProblemRaised{Problem: *now})
	}
}

// drain waits for a watch to end.
func drain(watch <-chan struct{}) {
	if watch == nil {
		return
	}
	for range watch {
	}
}
