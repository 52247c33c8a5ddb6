package sync

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"smd-applet/sync/fault"
)

// verdict is what became of an endpoint's problem.
type verdict int

const (
	unchanged verdict = iota
	raised
	cleared
)

// health is how an endpoint fares over its sequences of runs, and whether a
// person is to be told.
type health struct {
	failures int       // in a row
	since    time.Time // of the first of them
	problem  *Problem  // replaced, never changed: readers hold it
}

// failed takes in a failure. The first avoidable one stays between us: the
// retry mostly succeeds.
func (h *health) failed(now time.Time, err *fault.Error) verdict {
	if h.failures == 0 {
		h.since = now
	}
	h.failures++
	if err.Avoidable() && h.failures == 1 {
		return unchanged
	}
	h.problem = &Problem{Err: err, Since: h.since, Count: h.failures}
	return raised
}

// succeeded takes in a success, which may still leave something to tell (nil:
// nothing). The same words are not said twice.
func (h *health) succeeded(now time.Time, tell *fault.Error) verdict {
	h.failures = 0
	before := h.problem
	switch {
	case tell == nil && before == nil:
		return unchanged
	case tell == nil:
		h.problem = nil
		return cleared
	case before != nil && before.Err.Kind == tell.Kind && before.Err.Error() == tell.Error():
		h.problem = &Problem{Err: before.Err, Since: before.Since, Count: before.Count + 1}
		return unchanged
	default:
		h.problem = &Problem{Err: tell, Since: now, Count: 1}
		return raised
	}
}

// leftover is what a success leaves to tell: held deletions wait for a person,
// notmuch may need one, damage mends itself at the next pull. It is nil when there is neither.
func leftover(endpoint string, held []HeldFolder, unindexed *fault.Error, damaged []string) *fault.Error {
	var kind fault.Kind
	var parts []string
	switch {
	case len(held) > 0:
		kind = fault.Held
		for _, h := range held {
			where := "here"
			if h.By == Push {
				where = "at the server"
			}
			verb := "were"
			if h.Count == 1 {
				verb = "was"
			}
			parts = append(parts, fmt.Sprintf("%s in %s would be deleted %s and %s kept", messages(h.Count), h.Folder, where, verb))
		}
	case unindexed != nil:
		return unindexed
	case len(damaged) == 1:
		kind = fault.Damaged
		parts = []string{damaged[0] + " is empty or cut short and was not sent"}
	case len(damaged) > 1:
		kind = fault.Damaged
		parts = []string{fmt.Sprintf("%s are empty or cut short and were not sent, the first is %s", messages(len(damaged)), damaged[0])}
	default:
		return nil
	}
	return &fault.Error{Kind: kind, Endpoint: endpoint, Err: errors.New(strings.Join(parts, "; "))}
}

func messages(n int) string {
	if n == 1 {
		return "1 message"
	}
	return fmt.Sprintf("%d messages", n)
}
