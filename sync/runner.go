package sync

import (
	"context"
	"errors"

	"smd-applet/sync/fault"
)

// BothWays is a [Runner] that can move changes both ways in one run, where the two
// ends speak smd/2.
type BothWays interface {
	// RunBoth is [Runner.Run] both ways; [ErrOneWay] where a pull and a push have
	// to be made in its place.
	RunBoth(ctx context.Context, endpoint string, report func(Progress)) (Result, error)
}

// ErrOneWay says that the two ends move changes one way at a time.
var ErrOneWay = errors.New("the two ends move changes one way at a time")

// Result is what one run did.
type Result struct {
	Summary Summary
	// Held lists what the mass-deletion guard holds back after this run; the
	// run counts as a success for everything else.
	Held []HeldFolder
	// Folders says of a dry run what would change in each folder, by its local
	// path; Bytes are those of messages that would travel whole.
	Folders map[string]Summary
	// Transfers are the messages that would travel in the run that a dry run is
	// about, by their local names.
	Transfers []string
	// Damaged lists messages (local names) found empty or cut short; they were
	// not sent, and the next pull mends them.
	Damaged []string
	// TwoWay says that the run moved changes both ways, and that the runner tells
	// by itself when there are new ones. Summary then has both ways' together,
	// Sent what was changed at the server, and Arrived the new messages here.
	TwoWay  bool
	Sent    Summary
	Arrived int
	// Unindexed is why notmuch does not know yet what this run or an earlier one
	// changed; nil when it does. The mail is in step, and the next run has it told.
	Unindexed *fault.Error
}

// Runner carries out runs for the [Engine]. [Sessions] is the real one.
type Runner interface {
	// Run makes one pull or push. It reports progress as it goes, from any
	// goroutine, never after it returned. Errors are *fault.Error.
	Run(ctx context.Context, endpoint string, d Direction, report func(Progress)) (Result, error)
	// Confirm lets the next runs carry out the deletions held back now.
	Confirm(endpoint string) error
	// Restore lets the next runs bring back the messages whose deletion is held.
	Restore(endpoint string) error
}
