package sync

import (
	"context"
	"errors"
	"slices"

	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
)

// request is what is wanted of an endpoint; both means a pull, then a push.
type request struct{ pull, push bool }

var both = request{pull: true, push: true}

func (r request) none() bool { return !r.pull && !r.push }

func (r request) with(o request) request {
	return request{r.pull || o.pull, r.push || o.push}
}

// sequence is the runs that one trigger leads to, and what came of them.
type sequence struct {
	asked   request
	todo    request        // of it, and of what it turned out to need
	waiting []chan<- error // who asked for it
	click   *remote.Click  // of a person who asked for it, nil without one
	again   bool           // the run going on is cancelled, to be made once more
	atOnce  bool           // one run may do both, as long as none was refused
	refused bool           // a push met a conflict and is being tried once more

	err     *fault.Error // of the first run that failed
	failed  request      // what failed or was left out
	summary Summary      // of all runs that succeeded
	held    []HeldFolder // at first as before; each direction as its last success told
	damaged []string

	unindexed *fault.Error // as the last success told
}

func newSequence(r request, held []HeldFolder) *sequence {
	return &sequence{asked: r, todo: r, held: held}
}

// next says which run comes next. The sequence is over when todo is none.
func (s *sequence) next() Direction {
	if s.atOnce && s.todo == both {
		return Both
	}
	if s.todo.pull {
		return Pull
	}
	return Push
}

// ended takes in how a run went. A push refused because of what happened at the
// other end meanwhile is worth one pull and another push.
func (s *sequence) ended(d Direction, res Result, err *fault.Error) {
	ran := request{pull: d != Push, push: d != Pull}
	s.atOnce = s.atOnce && d == Both
	s.todo.pull = s.todo.pull && !ran.pull
	s.todo.push = s.todo.push && !ran.push
	switch {
	case err == nil:
		s.summary = added(s.summary, res.Summary)
		s.held = heldAfter(s.held, d, res.Held)
		s.damaged = append(s.damaged, res.Damaged...)
		s.unindexed = res.Unindexed
	case d == Push && err.Kind == fault.Conflict && !s.refused:
		s.refused = true
		s.todo = both
	default:
		if s.err == nil {
			s.err = err
		}
		s.failed = s.failed.with(ran)
		if d == Pull && dooms(err) {
			s.failed = s.failed.with(s.todo)
			s.todo = request{}
		}
	}
}

// heldAfter is what is held once a run of d told what it found. A run speaks for
// the deletions of its own direction; it need not know of the other's.
func heldAfter(before []HeldFolder, d Direction, told []HeldFolder) []HeldFolder {
	speaksFor := func(h HeldFolder) bool {
		return d == Both || h.By == d || slices.ContainsFunc(told, func(t HeldFolder) bool { return t.By == h.By })
	}
	kept := slices.DeleteFunc(slices.Clone(before), speaksFor)
	if len(kept)+len(told) == 0 {
		return nil
	}
	return append(kept, told...)
}

// dooms reports whether a push after a pull that failed so would only fail the
// same way, or make things worse.
func dooms(err *fault.Error) bool {
	return !err.Avoidable() || err.Kind == fault.Network || err.Kind == fault.Locked
}

func added(a, b Summary) Summary {
	return Summary{
		New:      a.New + b.New,
		Deleted:  a.Deleted + b.Deleted,
		Moved:    a.Moved + b.Moved,
		Flagged:  a.Flagged + b.Flagged,
		Edited:   a.Edited + b.Edited,
		Bytes:    a.Bytes + b.Bytes,
		DBBytes:  a.DBBytes + b.DBBytes,
		Conflict: a.Conflict + b.Conflict,
		Unsized:  a.Unsized + b.Unsized,
	}
}

// Once makes one pull and one push of an endpoint as the engine does, for a
// program that runs no engine. The failure is that of the first run that failed.
func Once(ctx context.Context, r Runner, endpoint string, report func(Progress)) (Result, error) {
	s := newSequence(both, nil)
	_, s.atOnce = r.(BothWays)
	for !s.todo.none() {
		d, result, err := carryOut(ctx, r, endpoint, s.next(), report)
		s.ended(d, result, fault.As(err))
	}
	result := Result{Summary: s.summary, Held: s.held, Damaged: s.damaged, Unindexed: s.unindexed}
	if s.err != nil { // not a nil *fault.Error
		return result, s.err
	}
	return result, nil
}

// carryOut makes a run; where one both ways can't be it is a pull.
func carryOut(ctx context.Context, r Runner, endpoint string, d Direction, report func(Progress)) (Direction, Result, error) {
	if b, ok := r.(BothWays); ok && d == Both {
		result, err := b.RunBoth(ctx, endpoint, report)
		if !errors.Is(err, ErrOneWay) {
			return Both, result, err
		}
		d = Pull
	}
	result, err := r.Run(ctx, endpoint, d, report)
	return d, result, err
}
