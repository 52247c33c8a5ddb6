package tray

import (
	"strings"
	"time"

	"smd-applet/phrase"
	"smd-applet/sync"
	"smd-applet/sync/fault"
)

// slots is how many endpoints have lines of their own in the menu: what stands
// between others is built once. Further ones are summed up in a line.
const slots = 8

// command is what a click on a menu line asks for.
type command int

const (
	nothing command = iota // a line that only tells something, or opens a submenu
	separator
	syncNow
	pause // for the line's length
	resume
	openLog // of the endpoint's last run, or of the whole program
	act     // what the line's action says
	toggleAutostart
	toggleNewMail
	toggleMetered
	openConfig
	about
	quit
)

// line is one line of the menu. Its place, and whether it is a separator or has a
// checkbox, never change; the rest may.
type line struct {
	do       command
	endpoint string // whom do is for; empty means all
	action   fault.Action
	length   pauseLength
	title    string // with "_" before the access key, "__" for a "_"
	hidden   bool
	disabled bool
	checkbox bool
	checked  bool
}

// entry is a line and what opens beside it. Lines are only ever added at the end
// of a submenu: a click that comes late must not mean something else.
type entry struct {
	line
	sub []entry
}

// menu is everything the tray shows.
type menu struct {
	icon    string // a name of package assets
	tooltip string
	entries []entry
	stale   time.Time // when the passing of time alone changes a text; zero: never
}

// scene is what a menu is made of.
type scene struct {
	state     sync.State
	notes     map[string]Note
	autostart bool
	now       time.Time
	*phrase.Book
}

// view says what to show. It decides every text, and does nothing else.
func view(v scene) menu {
	s := v.state
	m := menu{icon: string(s.Overall), tooltip: v.tooltip(), stale: v.staleAt()}
	add := func(l line, sub ...entry) { m.entries = append(m.entries, entry{l, sub}) }

	add(line{title: plain(v.headline()), disabled: true})
	add(v.onlyEndpoint())
	for i := range slots {
		if i < len(s.Endpoints) && len(s.Endpoints) > 1 {
			e := s.Endpoints[i]
			add(line{endpoint: e.Name, title: plain(e.Name + ": " + v.status(e))}, v.endpointMenu(e)...)
		} else {
			add(line{hidden: true})
		}
	}
	more := max(0, len(s.Endpoints)-slots)
	add(line{title: v.SayN(more, "and %d more endpoint", "and %d more endpoints", more), hidden: more == 0, disabled: true})
	add(line{do: separator})
	add(line{do: syncNow, title: v.Say("_Sync now")})
	paused := allPaused(s)
	add(v.pauseOrResume(paused, ""))
	add(line{title: v.Say("Pause _for"), hidden: paused}, v.pauseMenu()...)
	add(line{do: separator})
	add(line{title: v.Say("_Recent activity"), hidden: len(s.Recent) == 0}, v.recentMenu()...)
	problems, sub := v.problemsMenu()
	add(line{title: v.SayN(problems, "Pr_oblems (%d)", "Pr_oblems (%d)", problems), hidden: problems == 0}, sub...)
	add(line{do: openLog, title: v.Say("Open _log")})
	add(line{do: separator})
	add(line{title: v.Say("S_ettings")}, v.settingsMenu()...)
	add(line{do: about, title: v.Say("_About")})
	add(line{do: quit, title: v.Say("_Quit")})
	return m
}

// onlyEndpoint is the line of the endpoint where there is but one.
func (v scene) onlyEndpoint() line {
	if len(v.state.Endpoints) != 1 {
		return line{hidden: true, disabled: true}
	}
	e := v.state.Endpoints[0]
	return line{endpoint: e.Name, title: plain(e.Name + ": " + v.status(e)), disabled: true}
}

func (v scene) endpointMenu(e sync.EndpointState) []entry {
	last := v.Say("not synced yet")
	if !e.LastSuccess.IsZero() {
		last = v.Say("last synced at %s", v.Clock(e.LastSuccess, v.now))
	}
	changed := v.counts(e.LastChange)
	next := e.NextRun.After(v.now) && !e.Paused
	return []entry{
		{line: line{title: plain(v.status(e)), disabled: true}},
		{line: line{title: plain(last), disabled: true, hidden: e.LastSuccess.IsZero()}},
		{line: line{title: plain(v.Say("it changed: %s", changed)), disabled: true, hidden: changed == ""}},
		{line: line{title: plain(v.Say("next sync at %s", v.Clock(e.NextRun, v.now))), disabled: true, hidden: !next}},
		{line: line{do: syncNow, endpoint: e.Name, title: v.Say("_Sync now")}},
		{line: v.pauseOrResume(e.Paused, e.Name)},
		{line: line{do: openLog, endpoint: e.Name, title: v.Say("Open _log")}},
	}
}

func (v scene) pauseOrResume(paused bool, endpoint string) line {
	if paused {
		return line{do: resume, endpoint: endpoint, title: v.Say("_Resume")}
	}
	return line{do: pause, endpoint: endpoint, title: v.Say("_Pause")}
}

func (v scene) pauseMenu() []entry {
	return []entry{
		{line: line{do: pause, length: halfHour, title: v.Say("_30 minutes")}},
		{line: line{do: pause, length: twoHours, title: v.Say("_2 hours")}},
		{line: line{do: pause, length: untilTomorrow, title: v.Say("until _tomorrow")}},
	}
}

// recentMenu lists what changed; a click tells more.
func (v scene) recentMenu() []entry {
	var list []entry
	for _, a := range v.state.Recent {
		format := v.Say("%s  %s: received %s", v.Clock(a.At, v.now), a.Endpoint, v.counts(a.Summary))
		if a.Direction == sync.Push {
			format = v.Say("%s  %s: sent %s", v.Clock(a.At, v.now), a.Endpoint, v.counts(a.Summary))
		}
		list = append(list, entry{line: line{do: openLog, endpoint: a.Endpoint, title: plain(format)}})
	}
	return list
}

func (v scene) settingsMenu() []entry {
	set := v.state.Settings
	return []entry{
		{line: line{do: toggleAutostart, title: v.Say("Start at _login"), checkbox: true, checked: v.autostart}},
		{line: line{do: toggleNewMail, title: v.Say("_Notify of new mail"), checkbox: true, checked: set.NotifyNewMail}},
		{line: line{do: toggleMetered, title: v.Say("Sync on _metered networks"), checkbox: true, checked: set.SyncMetered}},
		{line: line{do: openConfig, title: v.Say("_Edit configuration")}},
	}
}

// staleAt is when a text changes although nothing happens. Zero means never.
func (v scene) staleAt() time.Time {
	var at time.Time
	for _, e := range v.state.Endpoints {
		at = earliest(at, staleAt(e, v.now))
	}
	if len(v.state.Endpoints)+len(v.state.Recent) > 0 { // a time of another day has its date
		y, month, d := v.now.Date()
		at = earliest(at, time.Date(y, month, d+1, 0, 0, 0, 0, v.now.Location()))
	}
	return at
}

func allPaused(s sync.State) bool {
	for _, e := range s.Endpoints {
		if !e.Paused {
			return false
		}
	}
	return len(s.Endpoints) > 0
}

// plain doubles what a menu takes as the mark of an access key.
func plain(title string) string { return strings.ReplaceAll(title, "_", "__") }
