package sync

import "time"

// Local changes come in bursts: a push waits until they pause, but not long.
const (
	quiet     = 150 * time.Millisecond // without a further change
	impatient = 500 * time.Millisecond // after the first change
)

// longestCalm bounds the pause after a push whose own echo, or something that
// only touches files, would otherwise lead to pushes for ever.
const longestCalm = time.Minute

// schedule is how often an endpoint is pulled and pushed by itself; 0 is never.
type schedule struct{ pull, push time.Duration }

// automatic is what the engine does without being asked.
func (s schedule) automatic() request {
	return request{pull: s.pull > 0, push: s.push > 0}
}

// agenda is what an endpoint has yet to do, and when: all triggers coalesce
// here. It starts nothing and reads no clock; zero times mean never.
type agenda struct {
	schedule schedule
	paused   bool      // or waiting: only what is asked for explicitly is done
	resumeAt time.Time // the pause ends by itself then

	wanted request // as soon as no run is going on

	pullAt, pushAt time.Time // the timers

	retry   request // what failed
	retryAt time.Time

	firstChange, lastChange time.Time // local changes no push has looked at yet
	echo                    bool      // the push going on follows right upon another
	echoes                  int       // such pushes in a row that found nothing
	calmAt                  time.Time // no push for local changes before
}

// reschedule sets the timers anew, from now on.
func (a *agenda) reschedule(now time.Time, s schedule) {
	a.schedule = s
	a.rearm(now, both)
}

// ask wants r as soon as possible; explicit requests run even while paused.
func (a *agenda) ask(r request, explicit bool) {
	if a.paused && !explicit {
		return
	}
	a.wanted = a.wanted.with(r)
}

// pause forgets what is planned, until a time or until it is resumed; whatever
// happens meanwhile is found by the runs that resuming asks for.
func (a *agenda) pause(until time.Time) {
	*a = agenda{schedule: a.schedule, paused: true, resumeAt: until}
}

// resume plans again and asks for runs at once.
func (a *agenda) resume(now time.Time) {
	a.paused, a.resumeAt = false, time.Time{}
	a.rearm(now, both)
	a.ask(a.schedule.automatic(), false)
}

// noticed takes in that something changed in the local mailbox.
func (a *agenda) noticed(now time.Time) {
	if a.paused || a.schedule.push == 0 {
		return
	}
	if a.firstChange.IsZero() {
		a.firstChange = now
	}
	a.lastChange = now
}

// pushing says that a push begins: it will see all changes so far.
func (a *agenda) pushing() {
	a.echo = !a.firstChange.IsZero() && !a.firstChange.After(a.calmAt)
	a.firstChange, a.lastChange = time.Time{}, time.Time{}
}

// pushed says that a push succeeded, and whether there was anything to send.
// The changes noticed while it ran lead to another; that may go on once for the
// echo of a pull, but not for ever, so the calm between them grows.
func (a *agenda) pushed(now time.Time, changed bool) {
	if changed || !a.echo {
		a.echoes = 0
	} else {
		a.echoes++
	}
	a.calmAt = now.Add(quiet)
	if a.echoes > 1 {
		a.calmAt = now.Add(min(longestCalm, backoff(a.echoes-1, 0.5)))
	}
}

// failed plans another try.
func (a *agenda) failed(r request, at time.Time) {
	if !a.paused {
		a.retry, a.retryAt = r, at
	}
}

// changeAt is when the local changes are to be pushed. While a retry is
// planned they wait for it: a server that can't be reached is not asked more
// often because mail is read.
func (a *agenda) changeAt() time.Time {
	if a.firstChange.IsZero() || !a.retryAt.IsZero() {
		return time.Time{}
	}
	at := a.lastChange.Add(quiet)
	if latest := a.firstChange.Add(impatient); latest.Before(at) {
		at = latest
	}
	if a.calmAt.After(at) {
		at = a.calmAt
	}
	return at
}

// next is when take will have something; now, when it has already.
func (a *agenda) next(now time.Time) time.Time {
	if !a.wanted.none() {
		return now
	}
	if a.paused {
		return a.resumeAt
	}
	return earliest(a.pullAt, a.pushAt, a.retryAt, a.changeAt())
}

// take returns what is due and takes it off the agenda, with all that can go
// along: failed runs and waiting local changes.
func (a *agenda) take(now time.Time) request {
	due := a.wanted
	if !a.paused {
		due = due.with(request{
			pull: reached(a.pullAt, now),
			push: reached(a.pushAt, now) || reached(a.changeAt(), now),
		})
		if reached(a.retryAt, now) {
			due = due.with(a.retry)
		}
	}
	if due.none() {
		return due
	}
	due = due.with(a.retry)
	due.push = due.push || !a.firstChange.IsZero()
	a.wanted = request{}
	a.retry, a.retryAt = request{}, time.Time{}
	a.rearm(now, due)
	return due
}

// rearm starts the timers of r from now.
func (a *agenda) rearm(now time.Time, r request) {
	if r.pull {
		a.pullAt = after(now, a.schedule.pull)
	}
	if r.push {
		a.pushAt = after(now, a.schedule.push)
	}
}

func after(now time.Time, every time.Duration) time.Time {
	if every == 0 {
		return time.Time{}
	}
	return now.Add(every)
}

func reached(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// earliest returns the first of the times that are not zero.
func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}
