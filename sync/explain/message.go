package explain

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"smd-applet/sync/history"
	"smd-applet/sync/hooks"
	"smd-applet/sync/maildir"
)

// Message is what became of one message.
type Message struct {
	Steps []Step
	Path  string // the last one known, below the home
	Gone  bool   // deleted, as far as the history goes
}

// Step is one thing a run did to it.
type Step struct {
	Run    history.Run
	Change history.Change
	At     time.Time // of the run's end; where it has none, of its beginning
	Twice  bool      // it had to make room, as both ends had changed it
}

// ByPath tells what became of the message that is or was at path, below the home.
func ByPath(dir, path string) ([]*Message, error) {
	return follow(dir, func(c history.Change) bool {
		return placeOf(c.Path) == placeOf(path) || c.To != "" && placeOf(c.To) == placeOf(path)
	})
}

// ByMessageID tells what became of the messages that had a Message-ID when they
// came or went: copies of one message are several.
func ByMessageID(dir, messageID string) ([]*Message, error) {
	id := history.IDOf(messageID)
	return follow(dir, func(c history.Change) bool { return id != "" && c.ID == id })
}

// Since tells how far the history goes back, zero where there is none.
func Since(dir string) (time.Time, error) {
	for b, err := range history.Read(dir) {
		if err != nil {
			return time.Time{}, err
		}
		return b.Run.Began, nil
	}
	return time.Time{}, nil
}

// follow finds the changes that wanted is about, and all others of the same
// messages: under former and later names too.
func follow(dir string, wanted func(history.Change) bool) ([]*Message, error) {
	places := make(map[place]bool)
	for grown := true; grown; {
		grown = false
		for b, err := range history.Read(dir) {
			if err != nil {
				return nil, err
			}
			for _, c := range b.Changes {
				from, to := placeOf(c.Path), placeOf(c.Path)
				if c.To != "" {
					to = placeOf(c.To)
				}
				if (places[from] || places[to] || wanted(c)) && (!places[from] || !places[to]) {
					places[from], places[to], grown = true, true, true
				}
			}
		}
	}
	if len(places) == 0 {
		return nil, nil
	}
	return gather(dir, places)
}

// gather tells messages apart, by the places each had.
func gather(dir string, places map[place]bool) ([]*Message, error) {
	at := make(map[place]*Message)
	var all []*Message
	for b, err := range history.Read(dir) {
		if err != nil {
			return nil, err
		}
		for _, c := range b.Changes {
			from := placeOf(c.Path)
			if !places[from] {
				continue
			}
			m := at[from]
			if m == nil {
				m = new(Message)
				all = append(all, m)
				at[from] = m
			}
			s := Step{Run: b.Run, Change: c, At: b.Run.Began}
			if c.What == hooks.Added && !c.Sent {
				// The version from here may have been sent meanwhile, under its new name.
				for i := len(m.Steps) - 1; i >= 0 && m.Steps[i].Run.ID == s.Run.ID; i-- {
					m.Steps[i].Twice = m.Steps[i].Twice || m.Steps[i].madeRoomFor(s)
				}
			}
			m.Steps = append(m.Steps, s)
			m.Path, m.Gone = c.Path, c.What == hooks.Removed
			if c.To != "" {
				m.Path = c.To
				at[placeOf(c.To)] = m
			}
		}
		if b.Outcome != nil {
			for _, m := range all {
				for i := range m.Steps {
					if m.Steps[i].Run.ID == b.Run.ID {
						m.Steps[i].At = b.Outcome.Ended
					}
				}
			}
		}
	}
	return all, nil
}

// madeRoomFor reports whether a message got another name because the server's came.
func (s Step) madeRoomFor(next Step) bool {
	c := s.Change
	return c.What == hooks.Moved && !c.Sent && s.Run.ID == next.Run.ID && c.Path == next.Change.Path && folderOf(c.To) == folderOf(c.Path)
}

// Write tells the steps, a line each.
func (m *Message) Write(w io.Writer) {
	twice := "" // the run that kept the message twice: what then came or was sent is no other version of it
	for i, s := range m.Steps {
		var before *history.Change
		if i > 0 && s.Run.ID != twice {
			before = &m.Steps[i-1].Change
		}
		if s.Twice {
			twice = s.Run.ID
		}
		text := sentence(s.Change, before)
		if s.Twice {
			text = fmt.Sprintf("kept twice, as both ends had changed it: the version from here became %s", s.Change.To)
		}
		fmt.Fprintf(w, "  %s  %s, %s: %s\n", s.At.Format("2006-01-02 15:04:05"), s.Run.Endpoint, s.Run.Way, text)
	}
}

// sentence tells a change; before is the one before it of the same message, nil
// where there is none or it is not known.
func sentence(c history.Change, before *history.Change) string {
	here, why := "here", "as at the server"
	if c.Sent {
		here, why = "at the server", "as here"
	}
	again := before != nil && before.What != hooks.Removed
	switch c.What {
	case hooks.Added:
		switch {
		case c.Sent && again:
			return "its new content was sent to the server: " + c.Path
		case c.Sent:
			return "sent to the server: " + c.Path
		case again:
			return "the server's content took its place: " + c.Path
		}
		return "came from the server: " + c.Path
	case hooks.Removed:
		return fmt.Sprintf("deleted %s, %s: %s", here, why, c.Path)
	case hooks.Moved:
		if folderOf(c.Path) == folderOf(c.To) {
			return fmt.Sprintf("renamed %s, %s: %s is now %s", here, why, c.Path, c.To)
		}
		return fmt.Sprintf("moved %s, %s, from %s to %s: %s", here, why, folderOf(c.Path), folderOf(c.To), c.To)
	case hooks.Flagged:
		return fmt.Sprintf("marked %s, %s, as %s: %s", here, why, marks(c.Path, c.To), c.To)
	}
	return fmt.Sprintf("%s %s: %s", c.What, here, c.Path)
}

// flagNames are a Maildir's flags in words.
var flagNames = map[rune]string{'D': "a draft", 'F': "flagged", 'P': "passed on", 'R': "answered", 'S': "read", 'T': "trashed"}

// marks tells what differs between two names of a message.
func marks(from, to string) string {
	_, before := maildir.SplitFlags(path.Base(from))
	_, after := maildir.SplitFlags(path.Base(to))
	var words []string
	for _, f := range after {
		if !strings.ContainsRune(before, f) {
			words = append(words, flagName(f))
		}
	}
	for _, f := range before {
		if !strings.ContainsRune(after, f) {
			words = append(words, "no longer "+flagName(f))
		}
	}
	if len(words) == 0 {
		return "seen by a mail program" // it went from new to cur
	}
	return strings.Join(slices.Compact(words), ", ")
}

func flagName(f rune) string {
	if name, ok := flagNames[f]; ok {
		return name
	}
	return "keyword " + string(f)
}
