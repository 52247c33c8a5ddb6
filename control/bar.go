package control

import (
	"encoding/json"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"smd-applet/sync"
	"smd-applet/sync/fault"
)

// NotRunning is the overall state that bars show while nothing runs.
const NotRunning sync.Overall = "off"

// Bars are the formats of [Bar].
var Bars = []string{"waybar", "i3blocks", "polybar"}

// colors of the overall states that stand out, as bars take them.
var colors = map[sync.Overall]string{
	sync.Attention: "#e5484d", sync.Offline: "#8b8d98", sync.Paused: "#8b8d98", sync.Syncing: "#3e8ede", NotRunning: "#8b8d98",
}

// Bar is the state as one line for a status bar, at now. A nil s says that
// nothing runs. Waybar gets its JSON, and escapes for Pango; i3blocks its JSON
// (format=json); polybar text with a colour, unless plain.
func Bar(format string, s *Status, now time.Time, plain bool) string {
	overall := NotRunning
	if s != nil {
		overall = s.Overall
	}
	text, short := "mail "+headline(s), "mail"
	if overall != sync.Idle {
		short = "mail " + string(overall)
	}
	switch format {
	case "waybar":
		return object(map[string]any{
			"text": html.EscapeString(text), "alt": overall, "class": overall,
			"tooltip": html.EscapeString(strings.Join(Lines(s, now), "\n")), "percentage": percentage(s),
		})
	case "i3blocks":
		block := map[string]any{"full_text": text, "short_text": short}
		if color := colors[overall]; color != "" && !plain {
			block["color"] = color
		}
		return object(block)
	default:
		text = strings.ReplaceAll(text, "%{", "% {") // which begins a command of polybar's
		if color := colors[overall]; color != "" && !plain {
			text = fmt.Sprintf("%%{F%s}%s%%{F-}", color, text)
		}
		return text
	}
}

// object is a line of JSON.
func object(fields map[string]any) string {
	line, err := json.Marshal(fields)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return string(line)
}

// headline is the whole state in a few words.
func headline(s *Status) string {
	switch {
	case s == nil:
		return "not running"
	case s.Setup != nil:
		return s.Setup.Summary
	}
	switch problems := s.Problems(); {
	case s.Overall == sync.Attention && len(problems) > 0:
		return problems[0].Summary
	case s.Overall == sync.Syncing:
		if done, total := progress(s); total > 0 {
			return fmt.Sprintf("syncing %d/%d", done, total)
		}
		return "syncing"
	case s.Overall == sync.Idle:
		return "in sync"
	case s.Overall == sync.Paused && slices.ContainsFunc(s.Endpoints, func(ep Endpoint) bool { return !ep.Paused }):
		return "waiting"
	}
	return string(s.Overall)
}

// progress adds up how far the runs going on are; total is 0 when it is unknown.
func progress(s *Status) (done, total int) {
	for _, ep := range s.Endpoints {
		if ep.Phase != sync.PhaseIdle {
			done, total = done+ep.Done, total+ep.Total
		}
	}
	return done, total
}

// percentage is 100 when there is nothing to do.
func percentage(s *Status) int {
	if s == nil || s.Overall != sync.Syncing {
		return 100
	}
	done, total := progress(s)
	if total == 0 {
		return 0
	}
	return min(100, done*100/total)
}

// Lines tells the state to a person, a line an endpoint.
func Lines(s *Status, now time.Time) []string {
	if s == nil {
		return []string{"not running"}
	}
	var lines []string
	if s.Setup != nil {
		lines = append(lines, s.Setup.Message)
	}
	for _, ep := range s.Endpoints {
		lines = append(lines, ep.Name+": "+ep.line(now))
	}
	return lines
}

func (ep *Endpoint) line(now time.Time) string {
	text := "not synced yet"
	switch failed := ep.failure(); {
	case ep.Phase != sync.PhaseIdle && ep.Total > 0:
		text = fmt.Sprintf("%s, %s %d/%d", ep.Direction, ep.Phase, ep.Done, ep.Total)
	case ep.Phase != sync.PhaseIdle:
		text = fmt.Sprintf("%s, %s", ep.Direction, ep.Phase)
	case ep.Paused:
		text = "paused"
		if !ep.PausedUntil.IsZero() {
			text += ", goes on " + when(ep.PausedUntil, now)
		}
	case ep.Waiting != "":
		text = waits[ep.Waiting]
	case failed != nil:
		text = failed.Message
	case !ep.LastSuccess.IsZero():
		text = "synced " + when(ep.LastSuccess, now)
	}
	held := 0
	for _, h := range ep.Held {
		held += h.Count
	}
	if held > 0 {
		text += fmt.Sprintf(", %d deletions held back", held)
	}
	if ep.Retrying && ep.NextRun.After(now) {
		text += ", next try " + when(ep.NextRun, now)
	}
	return text
}

// waits tells why an endpoint waits.
var waits = map[sync.Wait]string{
	sync.WaitAsleep: "waiting, the machine is going to sleep", sync.WaitOffline: "offline, waiting for a network",
	sync.WaitMetered: "waiting, the network is metered",
}

// failure is what to tell of, but for held deletions, which are told with their
// number.
func (ep *Endpoint) failure() *Failure {
	switch {
	case ep.Problem != nil && ep.Problem.Kind != fault.Held:
		return &ep.Problem.Failure
	case ep.Problem != nil:
		return nil
	}
	return ep.Error
}

// when is a time of day, with the date when that is not today.
func when(t, now time.Time) string {
	t = t.In(now.Location())
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return "at " + t.Format("15:04")
	}
	return "at " + t.Format("15:04 on 2 Jan")
}
