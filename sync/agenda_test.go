package sync

import (
	"testing"
	"time"
)

// epoch is when the agendas of the tests begin.
var epoch = time.Unix(1_000_000, 0)

func at(d time.Duration) time.Time { return epoch.Add(d) }

// newAgenda pulls every 3 and pushes every 10 minutes.
func newAgenda() *agenda {
	a := &agenda{}
	a.reschedule(epoch, schedule{pull: 3 * time.Minute, push: 10 * time.Minute})
	return a
}

// TestAgenda checks when the next trigger is due and what it asks for.
func TestAgenda(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	pull, push := request{pull: true}, request{push: true}
	for name, c := range map[string]struct {
		prepare func(a *agenda)
		at      time.Duration // of the next trigger; -1: never
		want    request
	}{
		"the shorter timer": {func(*agenda) {}, 3 * time.Minute, pull},
		"requests are due at once and coalesce": {func(a *agenda) {
			a.ask(pull, false)
			a.ask(push, false)
			a.ask(both, true)
		}, 0, both},
		"a change is pushed when it is quiet": {func(a *agenda) { a.noticed(at(0)) }, 150 * ms, push},
		"further changes put it off": {func(a *agenda) {
			a.noticed(at(0))
			a.noticed(at(100 * ms))
		}, 250 * ms, push},
		"but not for long": {func(a *agenda) {
			for d := time.Duration(0); d <= 450*ms; d += 50 * ms {
				a.noticed(at(d))
			}
		}, 500 * ms, push},
		"changes don't count where push is never": {func(a *agenda) {
			a.reschedule(epoch, schedule{pull: 3 * time.Minute})
			a.noticed(at(0))
		}, 3 * time.Minute, pull},
		"no timers": {func(a *agenda) { a.reschedule(epoch, schedule{}) }, -1, request{}},
		"a retry":   {func(a *agenda) { a.failed(both, at(5*time.Second)) }, 5 * time.Second, both},
		"a timer takes a waiting retry along": {func(a *agenda) {
			a.failed(push, at(4*time.Minute))
		}, 3 * time.Minute, both},
		"a change waits for the retry and goes along": {func(a *agenda) {
			a.failed(pull, at(5*time.Second))
			a.noticed(at(0))
		}, 5 * time.Second, both},
		"paused: nothing": {func(a *agenda) {
			a.failed(pull, at(5*time.Second))
			a.pause(time.Time{})
			a.ask(both, false)
			a.noticed(at(0))
			a.failed(pull, at(5*time.Second))
		}, -1, request{}},
		"paused: only what a person asks for": {func(a *agenda) {
			a.pause(time.Time{})
			a.ask(both, true)
		}, 0, both},
		"pausing forgets": {func(a *agenda) {
			a.ask(both, true)
			a.pause(time.Time{})
		}, -1, request{}},
		"resuming syncs": {func(a *agenda) {
			a.pause(time.Time{})
			a.resume(at(time.Hour))
		}, 0, both},
		"resuming syncs only what is automatic": {func(a *agenda) {
			a.reschedule(epoch, schedule{push: time.Minute})
			a.pause(time.Time{})
			a.resume(at(time.Hour))
		}, 0, push},
	} {
		a := newAgenda()
		c.prepare(a)
		next := a.next(epoch)
		if c.at < 0 {
			if !next.IsZero() {
				t.Errorf("%s: due at %v, want never", name, next.Sub(epoch))
			}
			if got := a.take(at(24 * time.Hour)); !got.none() {
				t.Errorf("%s: took %+v, want nothing", name, got)
			}
			continue
		}
		if !next.Equal(at(c.at)) {
			t.Errorf("%s: due at %v, want %v", name, next.Sub(epoch), c.at)
		}
		if c.at > 0 {
			if got := a.take(next.Add(-1)); !got.none() {
				t.Errorf("%s: took %+v before it was due", name, got)
			}
		}
		if got := a.take(next); got != c.want {
			t.Errorf("%s: took %+v, want %+v", name, got, c.want)
		}
		a.pushing()
		if got := a.take(next); !got.none() {
			t.Errorf("%s: took %+v a second time", name, got)
		}
	}
}

func TestAgendaPushSeesEarlierChanges(t *testing.T) {
	t.Parallel()
	a := newAgenda()
	a.noticed(at(0))
	a.take(at(time.Second))
	a.pushing()
	if next := a.next(at(time.Second)); !next.Equal(at(3 * time.Minute)) {
		t.Errorf("due again at %v", next.Sub(epoch))
	}
}

// TestAgendaCalmsDown plays a push that touches the mailbox it watches: it must
// not push for ever at full speed, but never ignore a change either.
func TestAgendaCalmsDown(t *testing.T) {
	t.Parallel()
	a := &agenda{}
	a.reschedule(epoch, schedule{push: 1000 * time.Hour})
	now := epoch
	a.noticed(now)
	pushes := 0
	for ; pushes < 1000; pushes++ {
		now = a.next(now)
		if now.After(at(10 * time.Minute)) {
			break
		}
		a.take(now)
		a.pushing()
		a.noticed(now)
		a.pushed(now, false)
	}
	if pushes < 5 || pushes > 20 {
		t.Errorf("%d pushes in ten minutes", pushes)
	}
	wait := a.next(now).Sub(now)
	if wait > longestCalm {
		t.Errorf("a change waits %v", wait)
	}

	// A change a person makes after that is fast again.
	now = a.next(now)
	a.take(now)
	a.pushing()
	a.pushed(now, false)
	now = now.Add(longestCalm + time.Second)
	a.noticed(now)
	if wait := a.next(now).Sub(now); wait != quiet {
		t.Errorf("a change after the calm waits %v, want %v", wait, quiet)
	}
}
