// Package delta finds what changed at one end since the agreed state and says
// it in the eight actions both dialects share (smd 1.3, spec §5).
package delta

import "smd-applet/sync/maildir"

// Kind is the sort of an [Action].
type Kind string

// The actions of smd 1.3, spec §5.
const (
	Add           Kind = "ADD"           // a new message at Dst
	Copy          Kind = "COPY"          // Dst has the content of Src, which stays
	Move          Kind = "MOVE"          // Src is now Dst
	CopyBody      Kind = "COPYBODY"      // Dst has the body of Src and a header of its own
	Delete        Kind = "DELETE"        // Dst is gone
	ReplaceHeader Kind = "REPLACEHEADER" // Dst has another header
	Replace       Kind = "REPLACE"       // Dst has another body
	Fail          Kind = "ERROR"         // the scan failed: Text says why
)

// Action is one change. Dst is the message it is about, under its remote name.
type Action struct {
	Kind Kind
	Src  string // COPY, MOVE, COPYBODY: the message to take it from
	Dst  string
	// Was is the content before: of Src for COPYBODY (Header unset), of Dst for
	// DELETE, REPLACEHEADER and REPLACE.
	Was maildir.Sum
	// Sum is the content of Dst after the action; unset for DELETE.
	Sum  maildir.Sum
	Text string // ERROR only
}
