package delta

import "smd-applet/sync/maildir"

// Counts sums actions up for a person.
type Counts struct {
	New     int `json:"new"`     // messages that arrived
	Deleted int `json:"deleted"` // messages removed
	Moved   int `json:"moved"`   // moved to another folder, or renamed
	Flagged int `json:"flagged"` // only flags, or new → cur, changed
	Edited  int `json:"edited"`  // header or body replaced
}

// Add counts one action.
func (c *Counts) Add(a Action) {
	switch a.Kind {
	case Add, Copy, CopyBody:
		c.New++
	case Delete:
		c.Deleted++
	case ReplaceHeader, Replace:
		c.Edited++
	case Move:
		if SameMessage(a.Src, a.Dst) {
			c.Flagged++
		} else {
			c.Moved++
		}
	}
}

// SameMessage reports whether two names differ in flags, or new and cur, only.
func SameMessage(a, b string) bool {
	x, errX := maildir.ParseName(a)
	y, errY := maildir.ParseName(b)
	return errX == nil && errY == nil && x.Folder == y.Folder && x.Unique() == y.Unique()
}
