package smd2

import (
	"smd-applet/sync/agreed"
	"smd-applet/sync/reconcile"
)

// The messages of smd/2, in the order a session uses them. "→" is what the
// client sends, "←" the agent. docs/protocol.md has the rules.

// Hello is the first message of each end ("→" and "←", neither waits for the other).
type Hello struct {
	// Versions are the lowest and the highest version of the protocol the
	// sender speaks; both ends take the highest that both know.
	Oldest  uint16 `cbor:"1,keyasint"`
	Newest  uint16 `cbor:"2,keyasint"`
	Program string `cbor:"3,keyasint,omitempty"` // "smd-applet 0.2.0", for logs
	// Features are optional abilities; one counts when both ends name it.
	Features []string `cbor:"4,keyasint,omitempty"`
	// What follows the client alone says.
	Excludes  []string `cbor:"5,keyasint,omitempty"`  // globs on the agent's paths (smd 1.3 spec §3)
	NoDelete  bool     `cbor:"6,keyasint,omitempty"`  // the agent reports no deletions
	LimitUp   int64    `cbor:"7,keyasint,omitempty"`  // bytes a second the agent may send, 0: no limit
	DryRun    bool     `cbor:"8,keyasint,omitempty"`  // the agent writes nothing
	Resident  bool     `cbor:"9,keyasint,omitempty"`  // the agent watches and tells between two runs
	Subscribe bool     `cbor:"10,keyasint,omitempty"` // only folders that are subscribed to
}

// Begin opens a run ("→"): the agent takes its locks and looks for changes. Within
// a run, after the states were compared, it looks again.
type Begin struct {
	Full bool `cbor:"1,keyasint,omitempty"` // look at every message, not only where the watch saw something
	// Digest is that of the client's agreed state, where it has looked before it asks.
	Digest agreed.Digest `cbor:"2,keyasint,omitzero"`
	// Close says that the client has nothing to tell: when the agent has nothing
	// either and agrees with Digest, the run is over with Begun.
	Close bool `cbor:"3,keyasint,omitempty"`
	// Want asks for the first changes, up to so many, right after Begun, where
	// the agent agrees with Digest and has any; small new messages come with them.
	Want int `cbor:"4,keyasint,omitempty"`
}

// Begun answers Begin ("←").
type Begun struct {
	Digest  agreed.Digest `cbor:"1,keyasint"`           // of the whole agreed state
	Changes int           `cbor:"2,keyasint"`           // how many there are to tell of
	Total   int           `cbor:"3,keyasint"`           // messages in the agreed state
	Watched bool          `cbor:"4,keyasint,omitempty"` // changes are seen as they happen; else by looking from time to time
	// Losses are the folders that lost messages, for the guard.
	Losses []Loss `cbor:"5,keyasint,omitempty"`
	// Skipped are paths of links not followed and of names no wire can carry.
	Skipped []string `cbor:"6,keyasint,omitempty"`
	// Damaged are messages that became empty or lost their header.
	Damaged []agreed.Key `cbor:"7,keyasint,omitempty"`
	Closed  bool         `cbor:"8,keyasint,omitempty"` // the run is over
}

// Loss is what one folder lost since the last agreement.
type Loss struct {
	Folder   string `cbor:"1,keyasint"`
	Total    int    `cbor:"2,keyasint"`           // messages agreed on, those moved away not counted
	Gone     int    `cbor:"3,keyasint"`           // of these, how many are gone
	Vanished bool   `cbor:"4,keyasint,omitempty"` // the folder itself is gone
}

// Folders asks for the digest of every folder of the agreed state ("→"), and is
// the answer ("←"), in parts, the last of which has Last.
type Folders struct {
	Folders []FolderDigest `cbor:"1,keyasint,omitempty"`
	Last    bool           `cbor:"2,keyasint,omitempty"`
}

// FolderDigest is one folder of the agreed state.
type FolderDigest struct {
	Folder string        `cbor:"1,keyasint"`
	Digest agreed.Digest `cbor:"2,keyasint"`
	Count  int           `cbor:"3,keyasint"`
}

// List asks for the agreed state of a folder ("→").
type List struct {
	Folder string `cbor:"1,keyasint"`
}

// Listing answers List, in parts ("←").
type Listing struct {
	Entries []agreed.Entry `cbor:"1,keyasint,omitempty"`
	Last    bool           `cbor:"2,keyasint,omitempty"`
}

// Next asks for more changes ("→").
type Next struct {
	Max int `cbor:"1,keyasint"`
}

// Changes answers Next ("←"): deletions last of all.
type Changes struct {
	Changes []reconcile.Change `cbor:"1,keyasint,omitempty"`
	// MadeFolders and GoneFolders come with the first answer: folders that
	// appeared, and agreed ones that are gone.
	MadeFolders []string `cbor:"2,keyasint,omitempty"`
	GoneFolders []string `cbor:"3,keyasint,omitempty"`
	Last        bool     `cbor:"4,keyasint,omitempty"`
	// Contents are messages that come along, in the order of Changes: empty for
	// those that don't, and absent when none does.
	Contents []Data `cbor:"5,keyasint,omitempty"`
}

// Sums asks for the sums of messages that were told of unread ("→"), and is the
// answer ("←"): in order, unread where there is no such message any more.
type Sums struct {
	Files []File       `cbor:"1,keyasint,omitempty"`
	Sums  []agreed.Sum `cbor:"2,keyasint,omitempty"`
}

// File is a message as one end has it now.
type File struct {
	Key  agreed.Key  `cbor:"1,keyasint"`
	Mark agreed.Mark `cbor:"2,keyasint"`
}

// Get asks for messages ("→"). They come as Bodies in the order they were asked for.
type Get struct {
	Items []GetItem `cbor:"1,keyasint"`
}

// GetItem asks for one message. ID is the client's, and counts up by one.
type GetItem struct {
	ID   uint64 `cbor:"1,keyasint"`
	File File   `cbor:"2,keyasint"`
}

// Bodies carries content ("←" as asked for by Get, "→" what Ops need): parts of
// one or of many messages.
type Bodies struct {
	Parts []Part `cbor:"1,keyasint"`
}

// Part is a piece of a message. The pieces of a message come one after the other
// in the order of their bytes.
type Part struct {
	ID   uint64 `cbor:"1,keyasint"`
	Data Data   `cbor:"2,keyasint,omitempty"`
	// Last closes the message; Sum is then what the sender read, for the reader
	// to compare.
	Last bool       `cbor:"3,keyasint,omitempty"`
	Sum  agreed.Sum `cbor:"4,keyasint,omitzero"`
	// Missing says, with Last, that the message is not there as it was told of.
	Missing bool `cbor:"5,keyasint,omitempty"`
}

// Ops is what the agent is to do ("→").
type Ops struct {
	Items []OpItem `cbor:"1,keyasint"`
}

// OpItem is one op. The Bodies of a Put or Replace have its ID.
type OpItem struct {
	ID uint64       `cbor:"1,keyasint"`
	Op reconcile.Op `cbor:"2,keyasint"`
}

// Outcomes tells what became of ops ("←"): once told, done ones are on disk and
// in the agent's agreed state.
type Outcomes struct {
	Items []Outcome `cbor:"1,keyasint"`
}

// Outcome is what became of one op: done, or left because the message was no
// longer as the op says.
type Outcome struct {
	ID   uint64     `cbor:"1,keyasint"`
	Left bool       `cbor:"2,keyasint,omitempty"`
	Sum  agreed.Sum `cbor:"3,keyasint,omitzero"` // of a Put or Replace that was sent unread
}

// Agree commits to the agent's agreed state what the client has done and
// committed ("→"); there is no answer but that of End.
type Agree struct {
	Entries   []agreed.Entry `cbor:"1,keyasint,omitempty"` // as both ends have it now
	Drop      []agreed.Key   `cbor:"2,keyasint,omitempty"` // no longer there at either end, or no longer agreed on
	Folders   []string       `cbor:"3,keyasint,omitempty"` // both ends have them
	NoFolders []string       `cbor:"4,keyasint,omitempty"` // neither end has them
}

// End closes a run ("→").
type End struct{}

// Ended answers End ("←"): everything is committed, the locks are free.
type Ended struct {
	Digest agreed.Digest `cbor:"1,keyasint"`
	Again  bool          `cbor:"2,keyasint,omitempty"` // something had to make room: another run is due
}

// Changed tells, between two runs, that the agent's mailbox has changes ("←").
type Changed struct {
	// Changes are small new messages, and Contents what is in them: a hint, which
	// the client may take at once. The run that follows tells of them again.
	Changes  []reconcile.Change `cbor:"1,keyasint,omitempty"`
	Contents []Data             `cbor:"2,keyasint,omitempty"`
}

// Cancel ends the run going on ("→"); the agent answers Ended as soon as it can.
type Cancel struct{}

// Progress tells how far a long step is ("←"); it is a sign of life too.
type Progress struct {
	Done  int `cbor:"1,keyasint"`
	Total int `cbor:"2,keyasint,omitempty"` // 0 while it is unknown
}

// Failure says why the sender gives up the run, or with Fatal the connection.
type Failure struct {
	Kind    string `cbor:"1,keyasint"` // a kind of package fault
	Op      string `cbor:"2,keyasint,omitempty"`
	Path    string `cbor:"3,keyasint,omitempty"`
	Text    string `cbor:"4,keyasint"`
	Hint    string `cbor:"5,keyasint,omitempty"`
	Context string `cbor:"6,keyasint,omitempty"`
	Fatal   bool   `cbor:"7,keyasint,omitempty"`
	Cause   string `cbor:"8,keyasint,omitempty"`
}
