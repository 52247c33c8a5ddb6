package sync

import "time"

// mostRecent is how many runs the engine remembers.
const mostRecent = 10

// Activity is a run that changed something.
type Activity struct {
	Endpoint  string
	Direction Direction
	At        time.Time // of its end
	Summary   Summary
}

// remember puts a at the head of what happened lately. The caller holds mu;
// readers hold the list there was before.
func (e *Engine) remember(a Activity) {
	recent := append([]Activity{a}, e.recent...)
	e.recent = recent[:min(len(recent), mostRecent)]
}
