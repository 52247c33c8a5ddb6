package sync

import (
	"fmt"
	"strings"
	"time"

	"smd-applet/sync/fault"
)

// Direction is the way one run moves changes.
type Direction string

// The two directions of smd 1.3: a pull applies the server's changes here, a
// push sends the local ones.
const (
	Pull Direction = "pull"
	Push Direction = "push"
)

// Both is a run of smd/2 that moves changes both ways at once.
const Both Direction = "sync"

// Phase is what an endpoint is doing now.
type Phase string

// The phases of an endpoint, in the order a run walks them.
const (
	PhaseIdle         Phase = "idle"
	PhaseConnecting   Phase = "connecting"   // SMD's phase 0: lock, channel, handshake
	PhaseComparing    Phase = "comparing"    // SMD's phase 1: changes detection
	PhaseTransferring Phase = "transferring" // SMD's phase 2: synchronization
	PhaseAgreeing     Phase = "agreeing"     // SMD's phase 3: agreement
)

// Overall is the one word (and icon) that sums all endpoints up.
type Overall string

// The overall states, most urgent last: what the icon shows is the most urgent
// one that holds.
const (
	Idle      Overall = "idle"
	Syncing   Overall = "syncing"
	Paused    Overall = "paused"    // everything is paused, or waits for an unmetered network
	Offline   Overall = "offline"   // the network is away; it is retried
	Attention Overall = "attention" // a person should look
)

// Progress of a run. Total is 0 while it is unknown.
type Progress struct {
	Phase Phase `json:"phase"`
	Done  int   `json:"done"`  // messages handled
	Total int   `json:"total"` // messages to handle
	Bytes int64 `json:"bytes"` // bytes moved
}

// Summary counts what a run changed at the receiving end.
type Summary struct {
	New      int   `json:"new"`      // messages that arrived
	Deleted  int   `json:"deleted"`  // messages removed
	Moved    int   `json:"moved"`    // moved to another folder or renamed
	Flagged  int   `json:"flagged"`  // only flags (or new → cur) changed
	Edited   int   `json:"edited"`   // header or body replaced
	Bytes    int64 `json:"bytes"`    // message bytes received or sent
	DBBytes  int64 `json:"dbBytes"`  // bytes of the db-file patch
	Conflict int   `json:"conflict"` // messages kept twice because both ends changed them
	Unsized  int   `json:"-"`        // in a dry run: messages that Bytes leaves out, since their size is not known
}

// Without returns what is left of s when part of it is taken away.
func (s Summary) Without(part Summary) Summary {
	return Summary{
		New: s.New - part.New, Deleted: s.Deleted - part.Deleted, Moved: s.Moved - part.Moved, Flagged: s.Flagged - part.Flagged,
		Edited: s.Edited - part.Edited, Bytes: s.Bytes - part.Bytes, DBBytes: s.DBBytes - part.DBBytes, Conflict: s.Conflict - part.Conflict,
	}
}

// Changed reports whether the run changed anything.
func (s Summary) Changed() bool {
	return s.New+s.Deleted+s.Moved+s.Flagged+s.Edited+s.Conflict > 0
}

// words tell it in the log.
func (s Summary) words() string {
	var parts []string
	for _, p := range []struct {
		count int
		what  string
	}{{s.New, "new"}, {s.Deleted, "deleted"}, {s.Moved, "moved"}, {s.Flagged, "marked"}, {s.Edited, "edited"}, {s.Conflict, "kept twice"}} {
		if p.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.count, p.what))
		}
	}
	if parts == nil {
		return "nothing new"
	}
	return strings.Join(parts, ", ")
}

// HeldFolder is one folder whose deletions the mass-deletion guard holds back.
type HeldFolder struct {
	Folder string    `json:"folder"`
	Count  int       `json:"count"`
	By     Direction `json:"by"` // Pull: deleted at the server; Push: deleted here
}

// Problem is a failure a person is told of: it persisted, or only a person can mend it.
type Problem struct {
	Err   *fault.Error
	Since time.Time
	Count int // how many runs in a row ended so
}

// EndpointState is one endpoint as its readers see it.
type EndpointState struct {
	Name        string
	Direction   Direction // of the run going on, or of the last one
	Progress    Progress  // Phase is PhaseIdle when no run is going on
	Paused      bool
	PausedUntil time.Time    // zero: until it is resumed
	Waiting     Wait         // why it does nothing by itself, "" when it may
	LastSuccess time.Time    // zero: never since the start
	LastChange  Summary      // of the last successful run, pull and push added up when they ran together
	NextRun     time.Time    // zero: none planned
	LastError   *fault.Error // of the last run, nil when it succeeded
	Retrying    bool         // a failed run will be tried again by itself
	Problem     *Problem     // nil when there is nothing to tell
	Held        []HeldFolder // nil when nothing is held back

	AnnouncesMail bool // its configuration asks for popups of new mail
}

// State is the whole of what the engine's readers show. It is a value: a
// reader may keep it.
type State struct {
	Overall   Overall
	Endpoints []EndpointState
	// Setup is the problem with the configuration as a whole (none written
	// yet, loop file wrong), nil when it is fine.
	Setup *fault.Error
	// Recent are the last ten runs that changed something, the latest first.
	Recent   []Activity
	Settings Settings
}
