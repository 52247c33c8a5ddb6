package tray

import (
	"fmt"
	"strings"
	"time"

	"smd-applet/sync"
	"smd-applet/sync/fault"
)

// slots is how many endpoints have lines of their own in the menu; it is built
// once, so there is room for that many. Further ones are summed up in a line.
const slots = 8

// command is what a click on a menu line asks for.
type command int

const (
	nothing command = iota // a line that only tells something
	separator
	syncNow
	pause
	resume
	openLog
	openConfig
	toggleAutostart
	confirmHeld
	restoreHeld
	quit
)

// line is one line of the menu. Its place, and whether it has a checkbox, never
// change; the rest may.
type line struct {
	do       command
	endpoint string // whom do is for; empty means all
	title    string
	hidden   bool
	disabled bool
	checkbox bool
	checked  bool
}

// menu is everything the tray shows.
type menu struct {
	icon    string // a name of package assets
	tooltip string
	lines   []line
	stale   time.Time // when the passing of time alone changes a text; zero: never
}

// view says what to show of the state s. It decides every text, and does
// nothing else.
func view(s sync.State, now time.Time, autostart bool) menu {
	m := menu{icon: string(s.Overall), tooltip: tooltip(s, now)}
	add := func(l line) {
		l.title = escapeMnemonic(l.title)
		m.lines = append(m.lines, l)
	}

	setup := line{hidden: s.Setup == nil, disabled: true}
	if s.Setup != nil {
		setup.title = problemText(s.Setup)
	}
	add(setup)
	add(line{do: openConfig, title: "Edit configuration", hidden: !configNeedsALook(s)})
	for i := range slots {
		if i >= len(s.Endpoints) {
			add(line{hidden: true, disabled: true})
			add(line{do: confirmHeld, title: confirmTitle, hidden: true})
			add(line{do: restoreHeld, title: restoreTitle, hidden: true})
			continue
		}
		e := s.Endpoints[i]
		add(line{endpoint: e.Name, title: e.Name + ": " + status(e, now), disabled: true})
		add(line{do: confirmHeld, endpoint: e.Name, title: confirmTitle, hidden: e.Held == nil})
		add(line{do: restoreHeld, endpoint: e.Name, title: restoreTitle, hidden: e.Held == nil})
	}
	for _, e := range s.Endpoints {
		m.stale = earliest(m.stale, staleAt(e, now))
	}
	more := len(s.Endpoints) - slots
	add(line{title: fmt.Sprintf("and %s", counted(more, "more endpoint")), hidden: more <= 0, disabled: true})
	add(line{do: separator})
	add(line{do: syncNow, title: "Sync now"})
	if allPaused(s) {
		add(line{do: resume, title: "Resume"})
	} else {
		add(line{do: pause, title: "Pause"})
	}
	add(line{do: openLog, endpoint: worstEndpoint(s), title: "Open log"})
	add(line{do: toggleAutostart, title: "Start at login", checkbox: true, checked: autostart})
	add(line{do: separator})
	add(line{do: quit, title: "Quit"})
	return m
}

const (
	confirmTitle = "Delete them on both sides"
	restoreTitle = "Bring them back"
)

// status is what an endpoint does, or how its last run ended.
func status(e sync.EndpointState, now time.Time) string {
	var text string
	failed := failure(e)
	switch {
	case e.Progress.Phase != sync.PhaseIdle && e.Progress.Phase != "":
		text = running(e)
	case e.Paused:
		text = "paused"
	case failed != nil && failed.Kind == fault.Network:
		text = "offline" + nextTry(e, now)
	case failed != nil:
		text = failed.Summary() + nextTry(e, now)
	case e.LastSuccess.IsZero():
		text = "not synced yet"
	default:
		text = "synced " + ago(e.LastSuccess, now) + changes(e.LastChange)
	}
	if e.Held != nil {
		text += " · " + heldText(e.Held)
	}
	return text
}

// failure is the failure to tell of, nil when there is none or when it is only
// that deletions are held back, which is told with their number.
func failure(e sync.EndpointState) *fault.Error {
	err := e.LastError
	if e.Problem != nil {
		err = e.Problem.Err
	}
	if err != nil && err.Kind == fault.Held && e.Held != nil {
		return nil
	}
	return err
}

func running(e sync.EndpointState) string {
	switch e.Progress.Phase {
	case sync.PhaseConnecting:
		return "connecting"
	case sync.PhaseComparing:
		return "looking for changes"
	case sync.PhaseTransferring:
		verb := "receiving"
		if e.Direction == sync.Push {
			verb = "sending"
		}
		if e.Progress.Total == 0 {
			return verb
		}
		return fmt.Sprintf("%s %s of %s", verb, grouped(e.Progress.Done), grouped(e.Progress.Total))
	default:
		return "finishing"
	}
}

func nextTry(e sync.EndpointState, now time.Time) string {
	if !e.Retrying || !e.NextRun.After(now) {
		return ""
	}
	return ", trying again at " + clock(e.NextRun, now)
}

func changes(s sync.Summary) string {
	var parts []string
	for _, part := range []struct {
		count int
		what  string
	}{{s.New, "new"}, {s.Deleted, "deleted"}, {s.Conflict, "kept twice"}} {
		if part.count > 0 {
			parts = append(parts, grouped(part.count)+" "+part.what)
		}
	}
	if parts == nil {
		return ""
	}
	return " · " + strings.Join(parts, ", ")
}

func heldText(held []sync.HeldFolder) string {
	count := 0
	for _, h := range held {
		count += h.Count
	}
	where := fmt.Sprintf("%d folders", len(held))
	if len(held) == 1 {
		where = held[0].Folder
	}
	return fmt.Sprintf("%s held back in %s", counted(count, "deletion"), where)
}

// tooltip tells the overall state in a few words, and no time that passes: it
// is to change seldom.
func tooltip(s sync.State, now time.Time) string {
	switch s.Overall {
	case sync.Attention:
		return attention(s)
	case sync.Offline:
		for _, e := range s.Endpoints {
			if next := nextTry(e, now); next != "" {
				return "Mail sync is offline" + next
			}
		}
		return "Mail sync is offline"
	case sync.Paused:
		return "Mail sync is paused"
	case sync.Syncing:
		return "Syncing mail"
	default:
		return "Mail is in sync"
	}
}

func attention(s sync.State) string {
	if s.Setup != nil {
		return problemText(s.Setup)
	}
	for _, e := range s.Endpoints {
		if err := failure(e); err != nil && e.Problem != nil {
			return e.Name + ": " + problemText(err)
		}
	}
	for _, e := range s.Endpoints {
		if e.Held != nil {
			return e.Name + ": " + heldText(e.Held)
		}
	}
	return "Mail sync needs a look"
}

// problemText names the failure and what it is about.
func problemText(err *fault.Error) string {
	if err.Path == "" {
		return err.Summary()
	}
	return err.Summary() + ": " + err.Path
}

func configNeedsALook(s sync.State) bool {
	if s.Setup != nil {
		return true
	}
	for _, e := range s.Endpoints {
		if e.Problem != nil && e.Problem.Err.Kind == fault.Config {
			return true
		}
	}
	return false
}

func allPaused(s sync.State) bool {
	for _, e := range s.Endpoints {
		if !e.Paused {
			return false
		}
	}
	return len(s.Endpoints) > 0
}

// worstEndpoint is the one whose log is worth opening: the first with a
// problem, else with an error, else the only one. Empty means none in particular.
func worstEndpoint(s sync.State) string {
	for _, e := range s.Endpoints {
		if e.Problem != nil {
			return e.Name
		}
	}
	for _, e := range s.Endpoints {
		if e.LastError != nil {
			return e.Name
		}
	}
	if len(s.Endpoints) == 1 {
		return s.Endpoints[0].Name
	}
	return ""
}

// escapeMnemonic doubles what a menu takes as the mark of an access key.
func escapeMnemonic(title string) string { return strings.ReplaceAll(title, "_", "__") }
