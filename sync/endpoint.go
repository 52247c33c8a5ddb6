package sync

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"reflect"
	"time"

	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
)

// oversleep is how late a pause may end on a machine that was asleep: timers stand
// still meanwhile.
const oversleep = 5 * time.Minute

// endpoint runs one endpoint: one goroutine, one select over all triggers.
// What is not said to be the engine's belongs to that goroutine.
type endpoint struct {
	name   string
	engine *Engine
	ctx    context.Context    // of its life
	end    context.CancelFunc // ends it
	before <-chan struct{}    // until then a forerunner of that name is ending
	orders chan func(now time.Time)
	woken  chan struct{} // one slot
	asks   chan ask
	gone   chan struct{} // closed when it has ended

	state EndpointState // guarded by engine.mu; written by its goroutine alone

	settings settings
	agenda   agenda
	health   health
	watch    watch
	twoWay   bool // the runner moves changes both ways, and tells of them by itself
	blind    bool // the last attempt to watch failed, and was told

	waiting  []chan<- error // who asked for a sequence that has not begun; each has a slot
	click    *remote.Click  // of a person who asked for it, nil without one
	missed   request        // what was under way when the endpoint had to wait
	sequence *sequence      // what the last trigger led to; nil when idle
	settleAt time.Time      // the sequence goes on then
	run      *run           // nil between runs
	shownAt  time.Time      // when progress was published last
	showAt   time.Time      // when to publish it again, zero: nothing new
}

// ask is something to do while no run is going on.
type ask struct {
	do    func() error
	reply chan error // one slot
}

func newEndpoint(ctx context.Context, e *Engine, name string, s settings, before *endpoint, p pause, machine conditions) *endpoint {
	ep := &endpoint{
		name:     name,
		engine:   e,
		orders:   make(chan func(time.Time)),
		woken:    make(chan struct{}, 1),
		asks:     make(chan ask),
		gone:     make(chan struct{}),
		settings: s,
		state: EndpointState{
			Name: name, Direction: Pull, Progress: Progress{Phase: PhaseIdle}, Paused: p.on, PausedUntil: p.until,
			Waiting: machine.hinder(s.config), AnnouncesMail: s.announces(),
		},
	}
	ep.ctx, ep.end = context.WithCancel(ctx)
	if before != nil {
		ep.before = before.gone
	}
	ep.agenda.reschedule(time.Now(), s.schedule)
	if p.on || ep.state.Waiting != "" {
		ep.agenda.pause(p.until)
	}
	ep.agenda.ask(s.schedule.automatic(), false)
	return ep
}

// tell has the endpoint's goroutine do f soon.
func (ep *endpoint) tell(f func(now time.Time)) {
	select {
	case ep.orders <- f:
	case <-ep.gone:
	}
}

// between has the endpoint's goroutine do f while no run is going on, and
// returns its error; or ended, when the endpoint ends first, or that of ctx.
func (ep *endpoint) between(ctx context.Context, ended error, f func() error) error {
	a := ask{f, make(chan error, 1)}
	select {
	case ep.asks <- a:
		return <-a.reply
	case <-ctx.Done():
		return ctx.Err()
	case <-ep.gone:
		return ended
	}
}

func (ep *endpoint) loop() {
	defer close(ep.gone)
	defer ep.end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	ep.rewatch()
	for ep.ctx.Err() == nil {
		now := time.Now()
		ep.proceed(now)
		ep.plan(now)
		timer.Stop()
		if at := ep.wakeAt(now); !at.IsZero() {
			timer.Reset(at.Sub(now))
		}

		asks, done, moved := ep.asks, (<-chan outcome)(nil), (<-chan struct{})(nil)
		if ep.run != nil {
			asks, done, moved = nil, ep.run.done, ep.run.meter.moved
		}
		select {
		case <-ep.ctx.Done():
		case <-timer.C:
		case <-ep.before:
			ep.before = nil
		case <-ep.woken:
			ep.agenda.ask(ep.settings.schedule.automatic(), false)
		case order := <-ep.orders:
			order(time.Now())
		case a := <-asks:
			a.reply <- a.do()
		case _, ok := <-ep.watch.changed:
			ep.watched(time.Now(), ok)
		case <-moved:
			ep.progressed(time.Now())
		case o := <-done:
			ep.ended(time.Now(), o)
		}
	}
	if ep.run != nil {
		ep.cancelRun()
		ep.ended(time.Now(), <-ep.run.done)
	}
	ep.interrupt()
	ep.watch.stop()
	ep.engine.update(ep, func(s *EndpointState) { s.NextRun, s.Retrying = time.Time{}, false })
}

// proceed starts what is due: the next run of the sequence, or a new sequence.
func (ep *endpoint) proceed(now time.Time) {
	if reached(ep.showAt, now) {
		ep.show(now)
	}
	if ep.agenda.paused && reached(ep.agenda.resumeAt, now) {
		ep.resume(now)
	}
	if ep.before != nil || ep.run != nil {
		return
	}
	if ep.sequence == nil {
		todo := ep.agenda.take(now)
		if todo.none() {
			return
		}
		if ep.twoWay {
			todo = todo.with(ep.settings.schedule.automatic())
		}
		ep.sequence = newSequence(todo, ep.state.Held)
		_, ep.sequence.atOnce = ep.engine.opts.Runner.(BothWays)
		ep.sequence.waiting, ep.waiting = ep.waiting, nil
		ep.sequence.click, ep.click = ep.click, nil
	}
	if now.Before(ep.settleAt) {
		return
	}
	ep.rewatch() // before each run: the first pull makes the mailbox
	ep.start(now, ep.sequence.next())
}

// wakeAt is when something is to be done though nothing happens.
func (ep *endpoint) wakeAt(now time.Time) time.Time {
	switch {
	case ep.run != nil:
		return ep.showAt
	case ep.before != nil:
		return time.Time{}
	case ep.sequence != nil:
		return ep.settleAt
	case ep.agenda.paused && ep.agenda.next(now).After(now.Add(oversleep)):
		return now.Add(oversleep)
	default:
		return ep.agenda.next(now)
	}
}

// plan publishes when the next run comes, if that changed.
func (ep *endpoint) plan(now time.Time) {
	next := ep.agenda.next(now)
	if ep.sequence != nil && ep.run == nil {
		next = ep.settleAt
	}
	ep.engine.mu.Lock()
	same := ep.state.NextRun.Equal(next)
	ep.engine.mu.Unlock()
	if !same {
		ep.engine.update(ep, func(s *EndpointState) { s.NextRun = next })
	}
}

func (ep *endpoint) pause(until time.Time) {
	ep.agenda.pause(until)
	ep.interrupt()
	ep.engine.update(ep, func(s *EndpointState) { s.Paused, s.PausedUntil, s.Retrying = true, until, false })
}

// want asks for a pull and a push, for a person's click or, if that is nil, a
// program.
func (ep *endpoint) want(click *remote.Click) {
	if click != nil {
		ep.click = click
	}
	ep.agenda.ask(both, true)
}

// interrupt ends what is going on, and what has been asked for and not begun.
func (ep *endpoint) interrupt() {
	answer(ep.waiting, ep.stopped())
	ep.waiting, ep.click = nil, nil
	if ep.sequence != nil {
		ep.sequence.again = false
	}
	ep.cancelRun()
	if ep.run == nil {
		ep.drop()
		ep.engine.update(ep, func(s *EndpointState) { s.Progress = Progress{Phase: PhaseIdle} })
	}
}

// drop gives up the sequence, if there is one, between two of its runs.
func (ep *endpoint) drop() {
	if ep.sequence != nil {
		answer(ep.sequence.waiting, ep.stopped())
		ep.sequence = nil
	}
}

// stopped is the failure of what was asked for and is not done any more.
func (ep *endpoint) stopped() *fault.Error {
	err := fault.New(fault.Network, "sync", ep.name, errors.New("stopped before its end"))
	err.Endpoint, err.Hint = ep.name, "it was paused, the network went, or the program is ending"
	return err
}

// answer tells those who wait what came of it.
func answer(waiting []chan<- error, err *fault.Error) {
	for _, w := range waiting {
		if err == nil {
			w <- nil
		} else {
			w <- err
		}
	}
}

func (ep *endpoint) resume(now time.Time) {
	if !ep.state.Paused {
		return
	}
	ep.engine.update(ep, func(s *EndpointState) { s.Paused, s.PausedUntil = false, time.Time{} })
	if ep.state.Waiting == "" {
		ep.agenda.resume(now)
	} else {
		ep.agenda.pause(time.Time{})
	}
}

// reconfigure takes over new settings. What failed may be mended by them.
func (ep *endpoint) reconfigure(now time.Time, s settings) {
	changed := !reflect.DeepEqual(ep.settings, s)
	ep.settings = s
	ep.weigh(now)
	if changed {
		ep.engine.update(ep, func(st *EndpointState) { st.AnnouncesMail = s.announces() })
		ep.agenda.reschedule(now, s.schedule)
		ep.rewatch()
	}
	if changed || ep.health.failures > 0 {
		ep.agenda.ask(s.schedule.automatic().with(ep.agenda.retry), false)
	}
}

// watched takes in what the watch tells: a change, or that it ended.
func (ep *endpoint) watched(now time.Time, ok bool) {
	if ok {
		ep.agenda.noticed(now)
		return
	}
	ep.watch.lost()
	if ep.ctx.Err() == nil {
		ep.engine.opts.Logger.Warn("the mailboxes are not watched any more", "endpoint", ep.name)
	}
}

// rewatch sees to it that the configured mailboxes are watched. Where that
// fails the timers have to do, and the next run tries again. A mailbox that is
// not there yet is no failure to tell.
func (ep *endpoint) rewatch() {
	w := ep.engine.opts.Watcher
	if w == nil || ep.settings.config == nil {
		return
	}
	if ep.settings.schedule.push == 0 || ep.twoWay {
		ep.watch.stop()
		return
	}
	var roots []string
	for _, m := range ep.settings.config.Mailboxes {
		roots = append(roots, filepath.Join(ep.engine.opts.Paths.Home, m.Local))
	}
	err := ep.watch.follow(ep.ctx, w, roots)
	if err != nil && !ep.blind && !errors.Is(err, fs.ErrNotExist) && ep.ctx.Err() == nil {
		ep.engine.opts.Logger.Warn("the mailboxes are not watched", "endpoint", ep.name, "err", err)
	}
	ep.blind = err != nil && !errors.Is(err, fs.ErrNotExist)
}
