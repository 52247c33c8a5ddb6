package sync

import "smd-applet/sync/fault"

// Event is something that happened, for those who care about the moment and
// not only the [State]. The set is closed: RunStarted, RunFinished,
// ProblemRaised, ProblemCleared, NewMail, Reloaded.
type Event interface{ event() }

// RunStarted says that a run began.
type RunStarted struct {
	Endpoint  string
	Direction Direction
}

// RunFinished says that a run ended; Err is nil when it succeeded.
type RunFinished struct {
	Endpoint  string
	Direction Direction
	Summary   Summary
	Sent      Summary // of Summary, in a run both ways: what was changed at the server
	Err       *fault.Error
}

// ProblemRaised says that a person should be told: the failure persisted or is
// not avoidable. It is sent again when the problem recurs (Problem.Count grows).
// Endpoint is empty for a problem with the configuration as a whole.
type ProblemRaised struct {
	Endpoint string
	Problem  Problem
}

// ProblemCleared says that the endpoint's problem is over.
type ProblemCleared struct{ Endpoint string }

// NewMail says that a run brought Count new messages.
type NewMail struct {
	Endpoint string
	Count    int
	Announce bool // a popup is wanted: see [Settings]
}

// Reloaded says that the configuration was read again after a change.
type Reloaded struct{}

func (RunStarted) event()     {}
func (RunFinished) event()    {}
func (ProblemRaised) event()  {}
func (ProblemCleared) event() {}
func (NewMail) event()        {}
func (Reloaded) event()       {}
