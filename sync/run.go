package sync

import (
	"context"
	"fmt"
	"time"

	"smd-applet/sync/fault"
)

// run is a run going on.
type run struct {
	direction Direction
	started   time.Time
	cancel    context.CancelFunc
	cancelled bool // by a pause: its failure means nothing
	meter     *meter
	done      chan outcome // one slot
}

type outcome struct {
	ran    Direction // what was made of it
	result Result
	err    error
}

func (ep *endpoint) start(now time.Time, d Direction) {
	if d != Pull {
		// What changed until now is seen by this push.
		if ep.watch.pending() {
			ep.agenda.noticed(now)
		}
		ep.agenda.pushing()
	}
	ctx, cancel := context.WithCancel(ep.sequence.click.On(ep.ctx))
	r := &run{direction: d, started: now, cancel: cancel, meter: newMeter(), done: make(chan outcome, 1)}
	ep.run = r
	ep.shownAt, ep.showAt = now, time.Time{}
	ep.engine.update(ep, func(s *EndpointState) {
		s.Direction = d
		s.Progress = Progress{Phase: PhaseConnecting}
	})
	ep.trace(fmt.Sprintf("%s: %s", d, PhaseConnecting))
	ep.engine.post(RunStarted{Endpoint: ep.name, Direction: d})
	go func() {
		ran, result, err := carryOut(ctx, ep.engine.opts.Runner, ep.name, d, r.meter.report)
		r.done <- outcome{ran, result, err}
	}()
}

func (ep *endpoint) cancelRun() {
	if ep.run != nil {
		ep.run.cancelled = true
		ep.run.cancel()
	}
}

// progressed takes note of new progress, and publishes it unless it has just
// done so: then it waits its turn.
func (ep *endpoint) progressed(now time.Time) {
	if turn := ep.shownAt.Add(progressEvery); now.Before(turn) {
		ep.showAt = turn
		return
	}
	ep.show(now)
}

func (ep *endpoint) show(now time.Time) {
	ep.shownAt, ep.showAt = now, time.Time{}
	if ep.run == nil {
		return
	}
	p := ep.run.meter.read()
	if p.Phase != ep.state.Progress.Phase {
		ep.trace(fmt.Sprintf("%s: %s", ep.run.direction, p.Phase))
	}
	ep.engine.update(ep, func(s *EndpointState) { s.Progress = p })
}

// ended takes in what came of the run going on.
func (ep *endpoint) ended(now time.Time, o outcome) {
	r := ep.run
	ep.run = nil
	ep.showAt = time.Time{}
	r.cancel()
	r.direction = o.ran
	err := ep.classify(o.err)
	if r.direction != Pull && err == nil {
		ep.agenda.pushed(now, o.result.Summary.Changed())
	}
	if err == nil {
		ep.twoWay = o.result.TwoWay
	}
	ep.log(r, now, o.result, err)

	again := ep.sequence.again && err != nil
	ep.sequence.again = false
	switch {
	case ep.ctx.Err() != nil, r.cancelled && !again:
		ep.drop()
	case !again:
		ep.sequence.ended(r.direction, o.result, err)
	}
	var told []Event
	if ep.sequence != nil && ep.sequence.todo.none() {
		told = ep.conclude(now, ep.sequence)
		ep.sequence = nil
	}
	if ep.sequence == nil {
		ep.engine.update(ep, func(s *EndpointState) { s.Progress = Progress{Phase: PhaseIdle} })
	} else if ep.watch.changed != nil && o.result.Summary.Changed() && r.direction == Pull {
		// The watch still tells of what the pull wrote; the push sees it all.
		ep.settleAt = now.Add(quiet)
	}

	if err == nil && o.result.Summary.Changed() {
		ep.engine.mu.Lock()
		here, sent := Activity{Endpoint: ep.name, Direction: r.direction, At: now, Summary: o.result.Summary}, o.result.Sent
		if sent.Changed() {
			here.Direction, here.Summary = Pull, here.Summary.Without(sent)
			ep.engine.remember(Activity{Endpoint: ep.name, Direction: Push, At: now, Summary: sent})
		} else if o.result.TwoWay {
			here.Direction = Pull
		}
		if here.Summary.Changed() {
			ep.engine.remember(here)
		}
		ep.engine.signal()
		ep.engine.mu.Unlock()
	}
	ep.engine.post(RunFinished{Endpoint: ep.name, Direction: r.direction, Summary: o.result.Summary, Sent: o.result.Sent, Err: err})
	arrived := o.result.Arrived
	if r.direction == Pull && !o.result.TwoWay {
		arrived = o.result.Summary.New
	}
	if err == nil && arrived > 0 {
		ep.engine.post(NewMail{
			Endpoint: ep.name, Count: arrived,
			Announce: ep.announces(),
		})
	}
	for _, ev := range told {
		ep.engine.post(ev)
	}
}

// conclude draws the sum of a sequence, and returns what is to be told.
func (ep *endpoint) conclude(now time.Time, s *sequence) []Event {
	var v verdict
	ep.agenda.rearm(now, s.asked) // an interval is the rest between two runs
	if s.err == nil {
		v = ep.health.succeeded(now, leftover(ep.name, s.held, s.unindexed, s.damaged))
	} else {
		v = ep.health.failed(now, s.err)
		delay := retryDelay(s.err, ep.health.failures, s.failed, ep.settings.schedule, ep.engine.opts.Random())
		ep.agenda.failed(s.failed, now.Add(delay))
		ep.trace("the next try is planned", "in", delay)
	}
	problem := ep.health.problem
	defer answer(s.waiting, s.err) // the state tells it by then
	ep.engine.update(ep, func(st *EndpointState) {
		st.LastError = s.err
		st.Problem = problem
		st.Retrying = s.err != nil && s.err.Avoidable() && !st.Paused
		st.Held = s.held
		if s.err == nil {
			st.LastSuccess = now
			st.LastChange = s.summary
		}
	})
	switch v {
	case raised:
		return []Event{ProblemRaised{Endpoint: ep.name, Problem: *problem}}
	case cleared:
		return []Event{ProblemCleared{Endpoint: ep.name}}
	default:
		return nil
	}
}

// classify returns err as a classified failure of this endpoint.
func (ep *endpoint) classify(err error) *fault.Error {
	f := fault.As(err)
	if f == nil || f.Endpoint != "" {
		return f
	}
	named := *f
	named.Endpoint = ep.name
	return &named
}

// trace tells what happens step by step, for who asks for it.
func (ep *endpoint) trace(message string, attrs ...any) {
	ep.engine.opts.Logger.With("endpoint", ep.name).Debug(message, attrs...)
}

// log writes a line for people: what changed, or what failed and the way out.
func (ep *endpoint) log(r *run, now time.Time, res Result, err *fault.Error) {
	log := ep.engine.opts.Logger.With("endpoint", ep.name, "took", now.Sub(r.started))
	switch {
	case err != nil && (r.cancelled || ep.ctx.Err() != nil):
		log.Info(fmt.Sprintf("%s cancelled", r.direction))
	case err != nil:
		log.Error(fmt.Sprintf("%s failed", r.direction), "kind", err.Kind, "err", err, "wayOut", err.WayOut())
	default:
		s := res.Summary
		held := 0
		for _, h := range res.Held {
			held += h.Count
		}
		log.Info(fmt.Sprintf("%s: %s", r.direction, s.words()), "bytes", s.Bytes, "held back", held, "damaged", len(res.Damaged))
	}
}
