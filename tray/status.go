package tray

import (
	"slices"
	"strings"
	"time"

	"smd-applet/phrase"
	"smd-applet/sync"
	"smd-applet/sync/fault"
)

// headline tells the overall state in a few words.
func (v scene) headline() string {
	switch v.state.Overall {
	case sync.Attention:
		return v.Say("Mail sync needs a look")
	case sync.Offline:
		for _, e := range v.state.Endpoints {
			if e.Retrying && e.NextRun.After(v.now) {
				return v.Say("Mail sync is offline, trying again at %s", v.Clock(e.NextRun, v.now))
			}
		}
		return v.Say("Mail sync is offline")
	case sync.Paused:
		for _, e := range v.state.Endpoints {
			if !e.PausedUntil.IsZero() {
				return v.Say("Mail sync is paused until %s", v.Clock(e.PausedUntil, v.now))
			}
		}
		if slices.ContainsFunc(v.state.Endpoints, func(e sync.EndpointState) bool { return e.Waiting == sync.WaitMetered }) {
			return v.Say("Mail sync waits for an unmetered network")
		}
		return v.Say("Mail sync is paused")
	case sync.Syncing:
		return v.Say("Syncing mail")
	default:
		return v.Say("Mail is in sync")
	}
}

// tooltip is the headline, or what needs a look. It changes seldom.
func (v scene) tooltip() string {
	s := v.state
	if s.Overall != sync.Attention {
		return v.headline()
	}
	if s.Setup != nil {
		return v.problemText(s.Setup)
	}
	for _, e := range s.Endpoints {
		if err := failure(e); err != nil && e.Problem != nil {
			return e.Name + ": " + v.problemText(err)
		}
	}
	for _, e := range s.Endpoints {
		if e.Held != nil {
			return e.Name + ": " + v.heldText(e.Held)
		}
	}
	return v.headline()
}

// problemText names the failure and what it is about.
func (v scene) problemText(err *fault.Error) string {
	if err.Path == "" {
		return v.Summary(err)
	}
	return v.Summary(err) + ": " + err.Path
}

// status is what an endpoint does, or how its last run ended.
func (v scene) status(e sync.EndpointState) string {
	var text string
	failed := failure(e)
	switch {
	case e.Progress.Phase != sync.PhaseIdle && e.Progress.Phase != "":
		text = v.running(e)
	case e.Paused && !e.PausedUntil.IsZero():
		text = v.Say("paused until %s", v.Clock(e.PausedUntil, v.now))
	case e.Paused:
		text = v.Say("paused")
	case e.Waiting == sync.WaitMetered:
		text = v.Say("waiting for an unmetered network")
	case e.Waiting == sync.WaitAsleep:
		text = v.Say("waiting for the machine to wake up")
	case e.Waiting == sync.WaitOffline:
		text = v.Say("offline")
	case failed != nil && failed.Kind == fault.Network:
		text = v.tryingAgain(v.Say("offline"), e)
	case failed != nil:
		text = v.tryingAgain(v.Summary(failed), e)
	case e.LastSuccess.IsZero():
		text = v.Say("not synced yet")
	default:
		text = v.Say("synced %s", v.Ago(e.LastSuccess, v.now))
		if changed := v.counts(e.LastChange); changed != "" {
			text += " · " + changed
		}
	}
	if e.Held != nil {
		text += " · " + v.heldText(e.Held)
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

func (v scene) running(e sync.EndpointState) string {
	switch e.Progress.Phase {
	case sync.PhaseConnecting:
		return v.Say("connecting")
	case sync.PhaseComparing:
		return v.Say("looking for changes")
	case sync.PhaseTransferring:
		done, total := v.Number(e.Progress.Done), v.Number(e.Progress.Total)
		switch {
		case e.Direction == sync.Push && e.Progress.Total == 0:
			return v.Say("sending")
		case e.Direction == sync.Push:
			return v.Say("sending %s of %s", done, total)
		case e.Progress.Total == 0:
			return v.Say("receiving")
		default:
			return v.Say("receiving %s of %s", done, total)
		}
	default:
		return v.Say("finishing")
	}
}

func (v scene) tryingAgain(text string, e sync.EndpointState) string {
	if !e.Retrying || !e.NextRun.After(v.now) {
		return text
	}
	return v.Say("%s, trying again at %s", text, v.Clock(e.NextRun, v.now))
}

// counts tells what a run changed, empty when nothing.
func (v scene) counts(s sync.Summary) string {
	var parts []string
	for _, part := range []struct {
		n    int
		text string
	}{
		{s.New, v.SayN(s.New, "%s new", "%s new", v.Number(s.New))},
		{s.Deleted, v.SayN(s.Deleted, "%s deleted", "%s deleted", v.Number(s.Deleted))},
		{s.Moved, v.SayN(s.Moved, "%s moved", "%s moved", v.Number(s.Moved))},
		{s.Flagged, v.SayN(s.Flagged, "%s marked", "%s marked", v.Number(s.Flagged))},
		{s.Edited, v.SayN(s.Edited, "%s edited", "%s edited", v.Number(s.Edited))},
		{s.Conflict, v.SayN(s.Conflict, "%s kept twice", "%s kept twice", v.Number(s.Conflict))},
	} {
		if part.n > 0 {
			parts = append(parts, part.text)
		}
	}
	return strings.Join(parts, ", ")
}

func (v scene) heldText(held []sync.HeldFolder) string {
	count := 0
	for _, h := range held {
		count += h.Count
	}
	where := v.SayN(len(held), "%d folder", "%d folders", len(held))
	if len(held) == 1 {
		where = held[0].Folder
	}
	return v.SayN(count, "%s deletion held back in %s", "%s deletions held back in %s", v.Number(count), where)
}

// Describe tells a state as the menu does: the headline, and a line for each
// endpoint or for what is wrong with the configuration.
func Describe(s sync.State, book *phrase.Book, now time.Time) (headline string, endpoints []string) {
	v := scene{state: s, now: now, Book: book}
	if s.Setup != nil {
		endpoints = append(endpoints, v.problemText(s.Setup))
	}
	for _, e := range s.Endpoints {
		endpoints = append(endpoints, e.Name+": "+v.status(e))
	}
	return v.headline(), endpoints
}
