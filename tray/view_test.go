package tray

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"smd-applet/sync"
	"smd-applet/sync/fault"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestStatus(t *testing.T) {
	t.Parallel()
	network := fault.New(fault.Network, "pull", "mail", errors.New("connection refused"))
	auth := fault.New(fault.Auth, "pull", "mail", nil)
	held := fault.New(fault.Held, "pull", "", nil)
	for want, e := range map[string]sync.EndpointState{
		"not synced yet":               {},
		"synced just now":              {LastSuccess: noon.Add(-59 * time.Second)},
		"synced 1 minute ago":          {LastSuccess: noon.Add(-time.Minute)},
		"synced 2 minutes ago · 3 new": {LastSuccess: noon.Add(-2 * time.Minute), LastChange: sync.Summary{New: 3}},
		"synced 59 minutes ago":        {LastSuccess: noon.Add(-time.Hour + 1)},
		"synced 1 hour ago":            {LastSuccess: noon.Add(-time.Hour)},
		"synced 23 hours ago":          {LastSuccess: noon.Add(-24*time.Hour + 1)},
		"synced on 3 Mar 12:00":        {LastSuccess: noon.Add(-24 * time.Hour)},
		"synced just now · 1,240 new, 2 deleted, 1 kept twice": {LastSuccess: noon, LastChange: sync.Summary{New: 1240, Deleted: 2, Conflict: 1}},
		"paused":                             {Paused: true, LastError: auth},
		"connecting":                         {Progress: sync.Progress{Phase: sync.PhaseConnecting}},
		"looking for changes":                {Progress: sync.Progress{Phase: sync.PhaseComparing}},
		"receiving":                          {Direction: sync.Pull, Progress: sync.Progress{Phase: sync.PhaseTransferring}},
		"receiving 1,240 of 5,300":           {Direction: sync.Pull, Progress: sync.Progress{Phase: sync.PhaseTransferring, Done: 1240, Total: 5300}},
		"sending 0 of 12":                    {Direction: sync.Push, Paused: true, Progress: sync.Progress{Phase: sync.PhaseTransferring, Total: 12}},
		"finishing":                          {Progress: sync.Progress{Phase: sync.PhaseAgreeing}},
		"offline":                            {LastError: network},
		"offline, trying again at 14:05":     {LastError: network, Retrying: true, NextRun: noon.Add(125 * time.Minute)},
		"offline, trying again at Thu 00:05": {LastError: network, Problem: &sync.Problem{Err: network}, Retrying: true, NextRun: noon.Add(725 * time.Minute)},
		"the server refused the login":       {LastError: auth, Problem: &sync.Problem{Err: auth}, NextRun: noon.Add(time.Minute)},
		"synced just now · 120 deletions held back in Archive": {
			LastSuccess: noon, LastError: held, Problem: &sync.Problem{Err: held}, Held: []sync.HeldFolder{{Folder: "Archive", Count: 120}},
		},
		"paused · 3 deletions held back in 2 folders": {Paused: true, Held: []sync.HeldFolder{{Folder: "a", Count: 1}, {Folder: "b", Count: 2}}},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			if e.Progress.Phase == "" {
				e.Progress.Phase = sync.PhaseIdle
			}
			if got := status(e, noon); got != want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTooltip(t *testing.T) {
	t.Parallel()
	auth := &sync.Problem{Err: fault.New(fault.Auth, "pull", "mail.example.org", nil)}
	held := &sync.Problem{Err: fault.New(fault.Held, "pull", "", nil)}
	for want, s := range map[string]sync.State{
		"Mail is in sync":      {Overall: sync.Idle},
		"Syncing mail":         {Overall: sync.Syncing},
		"Mail sync is paused":  {Overall: sync.Paused},
		"Mail sync is offline": {Overall: sync.Offline},
		"Mail sync is offline, trying again at 12:01": {Overall: sync.Offline, Endpoints: []sync.EndpointState{{Retrying: true, NextRun: noon.Add(time.Minute)}}},
		"Mail sync needs a look":                      {Overall: sync.Attention},
		"a_b: the server refused the login: mail.example.org": {
			Overall: sync.Attention, Endpoints: []sync.EndpointState{{Name: "c"}, {Name: "a_b", Problem: auth}},
		},
		"c: 7 deletions held back in Lists": {
			Overall: sync.Attention, Endpoints: []sync.EndpointState{{Name: "c", Problem: held, Held: []sync.HeldFolder{{Folder: "Lists", Count: 7}}}},
		},
		"the configuration needs a look: /home/me/.smd/loop": {
			Overall: sync.Attention, Setup: fault.New(fault.Config, "read", "/home/me/.smd/loop", nil),
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			if got := tooltip(s, noon); got != want {
				t.Errorf("got %q", got)
			}
		})
	}
}

// visible are the titles a person sees, in order; "-" is a separator, "(…)" can't
// be clicked.
func visible(m menu) []string {
	var titles []string
	for _, l := range m.lines {
		switch {
		case l.hidden:
		case l.do == separator:
			titles = append(titles, "-")
		case l.disabled:
			titles = append(titles, "("+l.title+")")
		default:
			titles = append(titles, l.title)
		}
	}
	return titles
}

func TestMenu(t *testing.T) {
	t.Parallel()
	rest := []string{"-", "Sync now", "Pause", "Open log", "Start at login", "-", "Quit"}
	config := fault.New(fault.Config, "read", "/home/me/.smd/config.my_mail", nil)
	many := sync.State{Overall: sync.Idle}
	manyTitles := []string{}
	for i := range slots + 2 {
		name := string(rune('a' + i))
		many.Endpoints = append(many.Endpoints, sync.EndpointState{Name: name})
		if i < slots {
			manyTitles = append(manyTitles, "("+name+": not synced yet)")
		}
	}
	for name, tc := range map[string]struct {
		state sync.State
		want  []string
	}{
		"nothing yet": {sync.State{Overall: sync.Idle}, rest},
		"one endpoint": {
			sync.State{Overall: sync.Idle, Endpoints: []sync.EndpointState{{Name: "my_mail"}}},
			append([]string{"(my__mail: not synced yet)"}, rest...),
		},
		"setup problem": {
			sync.State{Overall: sync.Attention, Setup: config},
			append([]string{"(the configuration needs a look: /home/me/.smd/config.my__mail)", "Edit configuration"}, rest...),
		},
		"configuration of an endpoint": {
			sync.State{Overall: sync.Attention, Endpoints: []sync.EndpointState{{Name: "a", Problem: &sync.Problem{Err: config}}}},
			append([]string{"Edit configuration", "(a: the configuration needs a look)"}, rest...),
		},
		"held": {
			sync.State{Overall: sync.Attention, Endpoints: []sync.EndpointState{
				{Name: "a", Held: []sync.HeldFolder{{Folder: "x", Count: 20}}}, {Name: "b"},
			}},
			append([]string{"(a: not synced yet · 20 deletions held back in x)", "Delete them on both sides", "Bring them back", "(b: not synced yet)"}, rest...),
		},
		"all paused": {
			sync.State{Overall: sync.Attention, Endpoints: []sync.EndpointState{{Name: "a", Paused: true}, {Name: "b", Paused: true}}},
			[]string{"(a: paused)", "(b: paused)", "-", "Sync now", "Resume", "Open log", "Start at login", "-", "Quit"},
		},
		"one of two paused": {
			sync.State{Overall: sync.Idle, Endpoints: []sync.EndpointState{{Name: "a", Paused: true}, {Name: "b"}}},
			append([]string{"(a: paused)", "(b: not synced yet)"}, rest...),
		},
		"more than fit": {many, slices.Concat(manyTitles, []string{"(and 2 more endpoints)"}, rest)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := visible(view(tc.state, noon, false)); !slices.Equal(got, tc.want) {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestWorstEndpoint(t *testing.T) {
	t.Parallel()
	err := fault.New(fault.Auth, "pull", "", nil)
	fine, failed, bad := sync.EndpointState{Name: "fine"}, sync.EndpointState{Name: "failed", LastError: err}, sync.EndpointState{Name: "bad", Problem: &sync.Problem{Err: err}}
	for want, endpoints := range map[string][]sync.EndpointState{
		"bad":    {fine, failed, bad},
		"failed": {fine, failed},
		"fine":   {fine},
		"":       {fine, fine},
	} {
		if got := worstEndpoint(sync.State{Endpoints: endpoints}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The menu is built once: whatever the state, its lines keep their places.
func TestLinesKeepTheirPlaces(t *testing.T) {
	t.Parallel()
	built := view(sync.State{}, noon, false)
	rapid.Check(t, func(t *rapid.T) {
		m := view(drawState(t), noon, rapid.Bool().Draw(t, "autostart"))
		if len(m.lines) != len(built.lines) {
			t.Fatalf("%d lines, built with %d", len(m.lines), len(built.lines))
		}
		for i, l := range m.lines {
			if (l.do == separator) != (built.lines[i].do == separator) || l.checkbox != built.lines[i].checkbox {
				t.Fatalf("line %d became another sort: %+v", i, l)
			}
			if !l.hidden && l.do != separator && l.title == "" {
				t.Fatalf("line %d is visible and empty", i)
			}
			if strings.Count(l.title, "_")%2 != 0 {
				t.Fatalf("%q has an access key", l.title)
			}
		}
	})
}

// Until the time a view gives, nothing changes by itself; a repaint before
// would send nothing.
func TestNothingChangesBeforeItIsStale(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawState(t)
		m := view(s, noon, false)
		later := noon.Add(time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "later")))
		if !m.stale.IsZero() {
			if !m.stale.After(noon) {
				t.Fatalf("stale at once: %s", m.stale)
			}
			if !later.Before(m.stale) {
				later = m.stale.Add(-1)
			}
		}
		// The time of day of a next try is told with its weekday on another day.
		if later.YearDay() != noon.YearDay() {
			return
		}
		if then := view(s, later, false); !slices.Equal(then.lines, m.lines) || then.tooltip != m.tooltip {
			t.Fatalf("changed by %s, before %s:\n%q\n%q", later, m.stale, visible(m), visible(then))
		}
	})
}

func drawState(t *rapid.T) sync.State {
	overalls := []sync.Overall{sync.Idle, sync.Syncing, sync.Paused, sync.Offline, sync.Attention}
	phases := []sync.Phase{sync.PhaseIdle, sync.PhaseConnecting, sync.PhaseComparing, sync.PhaseTransferring, sync.PhaseAgreeing}
	faults := []*fault.Error{nil, fault.New(fault.Network, "pull", "", nil), fault.New(fault.Config, "read", "my_file", nil), fault.New(fault.Held, "pull", "", nil)}
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "never") {
			return time.Time{}
		}
		return noon.Add(time.Duration(rapid.Int64Range(int64(-50*time.Hour), int64(5*time.Hour)).Draw(t, "from noon")))
	})
	endpoint := rapid.Custom(func(t *rapid.T) sync.EndpointState {
		e := sync.EndpointState{
			Name:        rapid.StringMatching(`[a-z_]{1,8}`).Draw(t, "name"),
			Progress:    sync.Progress{Phase: rapid.SampledFrom(phases).Draw(t, "phase"), Done: rapid.IntRange(0, 9999).Draw(t, "done"), Total: rapid.IntRange(0, 9999).Draw(t, "total")},
			Paused:      rapid.Bool().Draw(t, "paused"),
			LastSuccess: moment.Draw(t, "last success"),
			NextRun:     moment.Draw(t, "next run"),
			Retrying:    rapid.Bool().Draw(t, "retrying"),
			LastError:   rapid.SampledFrom(faults).Draw(t, "last error"),
		}
		if e.LastError != nil && rapid.Bool().Draw(t, "problem") {
			e.Problem = &sync.Problem{Err: e.LastError}
		}
		if rapid.Bool().Draw(t, "held") {
			e.Held = []sync.HeldFolder{{Folder: "my_box", Count: 12}}
		}
		return e
	})
	return sync.State{
		Overall:   rapid.SampledFrom(overalls).Draw(t, "overall"),
		Endpoints: rapid.SliceOfN(endpoint, 0, slots+3).Draw(t, "endpoints"),
		Setup:     rapid.SampledFrom(faults).Draw(t, "setup"),
	}
}
