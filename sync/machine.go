package sync

import (
	"context"
	"time"

	"smd-applet/sync/config"
)

// Wait is why an endpoint does nothing by itself, though it is not paused.
type Wait string

// The reasons to wait, strongest first. What a person asks for is tried all the
// same.
const (
	WaitAsleep  Wait = "asleep"  // the machine is going to sleep
	WaitOffline Wait = "offline" // there is no network
	WaitMetered Wait = "metered" // the network is metered, and SYNC_ON_METERED is not set
)

// conditions are what is known of the machine; the zero value is nothing.
type conditions struct{ asleep, offline, metered bool }

// hinder says why an endpoint has to wait; "" lets it go. What is on this
// machine alone needs no network, and a configuration that can't be read (nil) is
// to be told of.
func (c conditions) hinder(cfg *config.Endpoint) Wait {
	needsNetwork := cfg != nil && !cfg.LocalSync()
	switch {
	case c.asleep:
		return WaitAsleep
	case c.offline && needsNetwork:
		return WaitOffline
	case c.metered && needsNetwork && !cfg.SyncOnMetered:
		return WaitMetered
	}
	return ""
}

// conditions are those in force. The caller holds mu.
func (e *Engine) conditions() conditions {
	c := e.machine
	c.metered = c.metered && !e.chosen.SyncMetered
	return c
}

// SetOnline says whether there is a network. Without one, runs are ended and
// endpoints wait; when it comes they sync at once. Hearing that it is still there
// retries those that missed it.
func (e *Engine) SetOnline(online bool) {
	changed := e.set(func(c *conditions) { c.offline = !online })
	if !online || changed {
		return
	}
	for _, ep := range e.named("") {
		ep.tell(func(time.Time) { ep.retryNow() })
	}
}

// SetMetered says whether the network is paid for by what it carries: then
// endpoints wait whose configuration does not allow it.
func (e *Engine) SetMetered(metered bool) {
	e.set(func(c *conditions) { c.metered = metered })
}

// Reconnect says that the network is another one, and that connections through
// the one before are dead: runs over it start anew.
func (e *Engine) Reconnect() {
	for _, ep := range e.named("") {
		ep.tell(func(time.Time) { ep.reconnect() })
	}
}

// Suspend ends all runs before the machine sleeps, and returns when they have
// ended, or ctx has. Endpoints wait until [Engine.WakeUp].
func (e *Engine) Suspend(ctx context.Context) error {
	e.set(func(c *conditions) { c.asleep = true })
	for _, ep := range e.named("") {
		if err := ep.between(ctx, nil, func() error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// WakeUp ends a Suspend, and syncs all endpoints that may.
func (e *Engine) WakeUp() {
	e.set(func(c *conditions) { c.asleep = false })
}

// set changes the conditions, lets every endpoint weigh them if they are others,
// and reports whether they are.
func (e *Engine) set(change func(*conditions)) (changed bool) {
	e.mu.Lock()
	before := e.machine
	change(&e.machine)
	changed = e.machine != before
	e.mu.Unlock()
	if !changed {
		return false
	}
	e.weigh()
	return true
}

// weigh lets every endpoint weigh what it may do.
func (e *Engine) weigh() {
	for _, ep := range e.named("") {
		ep.tell(ep.weigh)
	}
}

// weigh takes in what the machine and the configuration let the endpoint do.
func (ep *endpoint) weigh(now time.Time) {
	ep.engine.mu.Lock()
	why := ep.engine.conditions().hinder(ep.settings.config)
	ep.engine.mu.Unlock()
	before := ep.state.Waiting
	if why == before {
		return
	}
	ep.engine.update(ep, func(s *EndpointState) {
		s.Waiting = why
		s.Retrying = s.Retrying && why == ""
	})
	switch {
	case why == "":
		if !ep.state.Paused {
			ep.agenda.resume(now)
			ep.agenda.ask(ep.missed, false)
		}
		ep.missed = request{}
	case before == "" || why == WaitAsleep:
		if ep.sequence != nil {
			ep.missed = ep.missed.with(ep.sequence.asked)
		}
		ep.agenda.pause(ep.state.PausedUntil)
		ep.interrupt()
	}
}

// reconnect starts the run going on anew, if it needs the network.
func (ep *endpoint) reconnect() {
	if ep.run == nil || ep.settings.config == nil || ep.settings.config.LocalSync() {
		ep.retryNow()
		return
	}
	ep.sequence.again = true
	ep.cancelRun()
}

// retryNow does not wait for the time of a planned retry.
func (ep *endpoint) retryNow() {
	if ep.health.failures > 0 {
		ep.agenda.ask(ep.agenda.retry, false)
	}
}
