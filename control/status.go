package control

import (
	"errors"
	"time"

	"smd-applet/sync"
	"smd-applet/sync/fault"
)

// Reply is one line to a client.
type Reply struct {
	Status *Status   `json:"status,omitempty"`
	Failed []Failure `json:"failed,omitempty"`
}

// Status is a [sync.State] as programs read it.
type Status struct {
	Overall   sync.Overall `json:"overall"`
	Setup     *Failure     `json:"setup,omitempty"` // the configuration as a whole is wrong
	Endpoints []Endpoint   `json:"endpoints"`
}

// Endpoint is one endpoint of a [Status].
type Endpoint struct {
	Name      string         `json:"name"`
	Direction sync.Direction `json:"direction"` // of the run going on, or of the last one
	sync.Progress
	Paused      bool              `json:"paused"`
	PausedUntil time.Time         `json:"pausedUntil,omitzero"`
	Waiting     sync.Wait         `json:"waiting,omitempty"` // why it does nothing by itself
	LastSuccess time.Time         `json:"lastSuccess,omitzero"`
	LastChange  sync.Summary      `json:"lastChange"`
	NextRun     time.Time         `json:"nextRun,omitzero"`
	Retrying    bool              `json:"retrying"`          // a failed run will be tried again by itself
	Error       *Failure          `json:"error,omitempty"`   // of the last run
	Problem     *Problem          `json:"problem,omitempty"` // a person should know
	Held        []sync.HeldFolder `json:"held,omitempty"`    // deletions that wait for confirm or restore
}

// Failure is a [fault.Error] as programs read it.
type Failure struct {
	Kind     fault.Kind     `json:"kind"`
	Endpoint string         `json:"endpoint,omitempty"`
	Summary  string         `json:"summary"` // a few words
	Message  string         `json:"message"` // a line
	WayOut   string         `json:"wayOut"`  // what a person can do
	Actions  []fault.Action `json:"actions,omitempty"`
}

// Problem is a failure that persists or that only a person can mend.
type Problem struct {
	Failure
	Since time.Time `json:"since"`
	Count int       `json:"count"` // runs in a row that ended so
}

// statusOf turns a state into what is sent of it.
func statusOf(s sync.State) *Status {
	st := &Status{Overall: s.Overall, Setup: failureOf(s.Setup), Endpoints: []Endpoint{}}
	for _, ep := range s.Endpoints {
		out := Endpoint{
			Name: ep.Name, Direction: ep.Direction, Progress: ep.Progress, Paused: ep.Paused, PausedUntil: ep.PausedUntil.Truncate(time.Second), Waiting: ep.Waiting,
			LastSuccess: ep.LastSuccess.Truncate(time.Second), LastChange: ep.LastChange, NextRun: ep.NextRun.Truncate(time.Second),
			Retrying: ep.Retrying, Error: failureOf(ep.LastError), Held: ep.Held,
		}
		if p := ep.Problem; p != nil {
			out.Problem = &Problem{Failure: *failureOf(p.Err), Since: p.Since.Truncate(time.Second), Count: p.Count}
		}
		st.Endpoints = append(st.Endpoints, out)
	}
	return st
}

func failureOf(err *fault.Error) *Failure {
	if err == nil {
		return nil
	}
	return &Failure{
		Kind: err.Kind, Endpoint: err.Endpoint, Summary: err.Summary(), Message: err.Error(), WayOut: err.WayOut(), Actions: err.Suggested(),
	}
}

// Err returns the failure as an error again.
func (f Failure) Err() *fault.Error {
	return &fault.Error{Kind: f.Kind, Endpoint: f.Endpoint, Err: errors.New(f.Message), Hint: f.WayOut, Actions: f.Actions}
}

// Only returns s with one endpoint alone; ok is false when there is no such one.
func (s *Status) Only(endpoint string) (only *Status, ok bool) {
	for _, ep := range s.Endpoints {
		if ep.Name == endpoint {
			c := *s
			c.Endpoints = []Endpoint{ep}
			return &c, true
		}
	}
	return nil, false
}

// Problems lists what a person should look at.
func (s *Status) Problems() []Problem {
	var all []Problem
	if s.Setup != nil {
		all = append(all, Problem{Failure: *s.Setup, Count: 1})
	}
	for _, ep := range s.Endpoints {
		if ep.Problem != nil {
			p := *ep.Problem
			p.Endpoint = ep.Name
			all = append(all, p)
		}
	}
	return all
}
