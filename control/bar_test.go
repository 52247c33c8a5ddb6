package control

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"smd-applet/sync"
	"smd-applet/sync/fault"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func endpoint(change func(*sync.EndpointState)) sync.EndpointState {
	ep := sync.EndpointState{Name: "work", Direction: sync.Pull, Progress: sync.Progress{Phase: sync.PhaseIdle}, LastSuccess: noon.Add(-time.Hour)}
	if change != nil {
		change(&ep)
	}
	return ep
}

func state(overall sync.Overall, change func(*sync.EndpointState)) *Status {
	return statusOf(sync.State{Overall: overall, Endpoints: []sync.EndpointState{endpoint(change)}})
}

var auth = &fault.Error{Kind: fault.Auth, Op: "log in", Path: "<mail>%{host}\n", Endpoint: "work"}

var states = map[string]*Status{
	"idle": state(sync.Idle, nil),
	"syncing": state(sync.Syncing, func(ep *sync.EndpointState) {
		ep.Progress = sync.Progress{Phase: sync.PhaseTransferring, Done: 3, Total: 12}
	}),
	"paused": state(sync.Paused, func(ep *sync.EndpointState) { ep.Paused = true }),
	"offline": state(sync.Offline, func(ep *sync.EndpointState) {
		ep.LastError = &fault.Error{Kind: fault.Network, Op: "connect", Path: "mailhost"}
		ep.Retrying, ep.NextRun = true, noon.Add(time.Minute)
	}),
	"attention": state(sync.Attention, func(ep *sync.EndpointState) {
		ep.LastError, ep.Problem = auth, &sync.Problem{Err: auth, Since: noon, Count: 2}
	}),
	"held": state(sync.Attention, func(ep *sync.EndpointState) {
		ep.Held = []sync.HeldFolder{{Folder: "Mail", Count: 70, By: sync.Pull}}
		ep.Problem = &sync.Problem{Err: &fault.Error{Kind: fault.Held}, Since: noon, Count: 1}
	}),
	"metered": state(sync.Paused, func(ep *sync.EndpointState) { ep.Waiting = sync.WaitMetered }),
	"nap":     state(sync.Paused, func(ep *sync.EndpointState) { ep.Paused, ep.PausedUntil = true, noon.Add(time.Hour) }),
	"off":     nil,
}

func TestLines(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"idle":      "work: synced at 11:00",
		"syncing":   "work: pull, transferring 3/12",
		"paused":    "work: paused",
		"nap":       "work: paused, goes on at 13:00",
		"metered":   "work: waiting, the network is metered",
		"offline":   "work: connect: mailhost: the server can't be reached, next try at 12:01",
		"held":      "work: synced at 11:00, 70 deletions held back",
		"attention": "work: " + auth.Error(),
		"off":       "not running",
	} {
		if got := strings.Join(Lines(states[name], noon), "|"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := strings.Join(Lines(states["idle"], noon.AddDate(0, 0, 3)), ""); got != "work: synced at 11:00 on 1 Mar" {
		t.Errorf("days later: %q", got)
	}
}

func TestPolybar(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"idle": "mail in sync", "syncing": "%{F#3e8ede}mail syncing 3/12%{F-}", "paused": "%{F#8b8d98}mail paused%{F-}",
		"metered":   "%{F#8b8d98}mail waiting%{F-}",
		"attention": "%{F#e5484d}mail the server refused the login%{F-}", "off": "%{F#8b8d98}mail not running%{F-}",
	} {
		if got := Bar("polybar", states[name], noon, false); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := Bar("polybar", states["off"], noon, true); got != "mail not running" {
		t.Errorf("plain: %q", got)
	}
}

// Whatever there is to say is one line, and valid for its bar.
func TestBarsGetOneValidLine(t *testing.T) {
	t.Parallel()
	for name, s := range states {
		for _, format := range Bars {
			line := Bar(format, s, noon, false)
			if line == "" || strings.ContainsAny(line, "\n\r") {
				t.Errorf("%s for %s: %q", name, format, line)
			}
			var fields map[string]any
			if err := json.Unmarshal([]byte(line), &fields); format != "polybar" && err != nil {
				t.Errorf("%s for %s: %v", name, format, err)
			}
			text := func(key string) string { said, _ := fields[key].(string); return said }
			switch format {
			case "waybar":
				percent, ok := fields["percentage"].(float64)
				if !ok || percent < 0 || percent > 100 || text("class") == "" || text("class") != text("alt") {
					t.Errorf("%s: %s", name, line)
				}
				if strings.ContainsAny(text("text")+text("tooltip"), "<>") { // Pango would take it for markup
					t.Errorf("%s: %s", name, line)
				}
			case "i3blocks":
				if text("full_text") == "" || text("short_text") == "" || len(text("full_text")) < len(text("short_text")) {
					t.Errorf("%s: %s", name, line)
				}
			}
		}
	}
	if line := Bar("waybar", states["syncing"], noon, false); !strings.Contains(line, `"percentage":25`) {
		t.Errorf("a quarter is done: %s", line)
	}
}

// What is sent of a state can be read again, and has no time that is none.
func TestStatusTravels(t *testing.T) {
	t.Parallel()
	for name, s := range states {
		if s == nil {
			continue
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back Status
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if got, want := Lines(&back, noon), Lines(s, noon); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: %q becomes %q", name, want, got)
		}
		if strings.Contains(string(text), "0001-01-01") {
			t.Errorf("%s: %s", name, text)
		}
	}
	problems := states["attention"].Problems()
	if len(problems) != 1 || problems[0].Endpoint != "work" || problems[0].Count != 2 || problems[0].Err().WayOut() == "" {
		t.Errorf("problems %+v", problems)
	}
	if _, ok := states["idle"].Only("home"); ok {
		t.Error("an endpoint that is none was found")
	}
}
