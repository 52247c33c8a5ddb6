package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

// maxRequest bounds a request's line, with its end.
const maxRequest = 4096

// maxPause is the longest pause that ends by itself, in seconds: a year.
const maxPause = 366 * 24 * 60 * 60

// Verb is what a request wants done.
type Verb string

// The verbs of the protocol, as the package comment tells them.
const (
	Tell    Verb = "status"
	Follow  Verb = "follow"
	Sync    Verb = "sync"
	Pause   Verb = "pause"
	Resume  Verb = "resume"
	Confirm Verb = "confirm"
	Restore Verb = "restore"
	Reload  Verb = "reload"
	Raise   Verb = "raise"
	Quit    Verb = "quit"
)

var verbs = []Verb{Tell, Follow, Sync, Pause, Resume, Confirm, Restore, Reload, Raise, Quit}

// Request is one line from a client.
type Request struct {
	Do       Verb   `json:"do"`
	Endpoint string `json:"endpoint,omitempty"` // empty: all
	Wait     bool   `json:"wait,omitempty"`     // Sync: answer when the runs have ended
	Seconds  int    `json:"seconds,omitempty"`  // Pause: how long; 0: until Resume
}

// parseRequest reads a request's line. Errors are of kind [fault.Protocol].
func parseRequest(line []byte) (Request, error) {
	var r Request
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	err := d.Decode(&r)
	if err == nil && d.More() {
		err = errors.New("more than one request in a line")
	}
	switch {
	case err != nil && !errors.Is(err, io.EOF):
	case err != nil:
		err = errors.New("an empty line")
	case !slices.Contains(verbs, r.Do):
		err = fmt.Errorf("no such request: %.40q", r.Do)
	case r.Seconds < 0 || r.Seconds > maxPause:
		err = fmt.Errorf("a pause has 0 to %d seconds", maxPause)
	case r.Endpoint != "":
		err = config.CheckEndpoint(r.Endpoint)
	}
	if err != nil {
		return Request{}, &fault.Error{Kind: fault.Protocol, Op: "read the request", Err: err, Hint: "see what is spoken: go doc smd-applet/control"}
	}
	return r, nil
}
