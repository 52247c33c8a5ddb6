// Package check looks at a set-up before or between syncs, and says all that is
// wrong with it in one go, each with a way to mend it. Gathering the facts
// ([Gather]) and judging them ([Judge]) are apart. It speaks of folders, never of
// messages, and changes nothing.
package check

// Level says how a finding is to be taken.
type Level string

// The levels. Only errors keep a set-up from being sound.
const (
	OK      Level = "ok"      // looked at, and well
	Note    Level = "note"    // not known, or may be meant
	Warning Level = "warning" // likely not meant
	Error   Level = "error"   // a sync fails, or does something else than is configured
)

// Finding is one thing that was looked at.
type Finding struct {
	Topic string `json:"topic"`
	Level Level  `json:"level"`
	Text  string `json:"text"`
	Fix   string `json:"fix,omitempty"` // what to do about it
}

// Count returns how many findings are of a level.
func Count(findings []Finding, level Level) int {
	n := 0
	for _, f := range findings {
		if f.Level == level {
			n++
		}
	}
	return n
}
