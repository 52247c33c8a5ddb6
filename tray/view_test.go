package tray

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"smd-applet/phrase"
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
		"paused":                               {Paused: true, LastError: auth},
		"paused until 12:30":                   {Paused: true, PausedUntil: noon.Add(30 * time.Minute)},
		"paused until 5 Mar 06:00":             {Paused: true, PausedUntil: untilTomorrow.until(noon)},
		"waiting for an unmetered network":     {Waiting: sync.WaitMetered, LastError: network},
		"connecting":                           {Progress: sync.Progress{Phase: sync.PhaseConnecting}},
		"looking for changes":                  {Progress: sync.Progress{Phase: sync.PhaseComparing}},
		"receiving":                            {Direction: sync.Pull, Progress: sync.Progress{Phase: sync.PhaseTransferring}},
		"receiving 1,240 of 5,300":             {Direction: sync.Pull, Progress: sync.Progress{Phase: sync.PhaseTransferring, Done: 1240, Total: 5300}},
		"sending 0 of 12":                      {Direction: sync.Push, Paused: true, Progress: sync.Progress{Phase: sync.PhaseTransferring, Total: 12}},
		"finishing":                            {Progress: sync.Progress{Phase: sync.PhaseAgreeing}},
		"offline":                              {LastError: network},
		"offline, trying again at 14:05":       {LastError: network, Retrying: true, NextRun: noon.Add(125 * time.Minute)},
		"offline, trying again at 5 Mar 00:05": {LastError: network, Problem: &sync.Problem{Err: network}, Retrying: true, NextRun: noon.Add(725 * time.Minute)},
		"the server refused the login":         {LastError: auth, Problem: &sync.Problem{Err: auth}, NextRun: noon.Add(time.Minute)},
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
			if got := (scene{now: noon, Book: phrase.English}).status(e); got != want {
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
		"Mail is in sync":     {Overall: sync.Idle},
		"Syncing mail":        {Overall: sync.Syncing},
		"Mail sync is paused": {Overall: sync.Paused},
		"Mail sync waits for an unmetered network":    {Overall: sync.Paused, Endpoints: []sync.EndpointState{{Paused: true}, {Waiting: sync.WaitMetered}}},
		"Mail sync is offline":                        {Overall: sync.Offline},
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
			if got := (scene{state: s, now: noon, Book: phrase.English}).tooltip(); got != want {
				t.Errorf("got %q", got)
			}
		})
	}
}

// at is the scene of a state at noon, in English.
func at(s sync.State) scene { return scene{state: s, now: noon, Book: phrase.English} }

// visible are the titles a person sees, in order; "-" is a separator, "(…)" can't
// be clicked, and what a submenu has follows it in braces.
func visible(entries []entry) []string {
	var titles []string
	for _, e := range entries {
		switch {
		case e.hidden:
		case e.do == separator:
			titles = append(titles, "-")
		case e.disabled:
			titles = append(titles, "("+e.title+")")
		default:
			titles = append(titles, e.title)
		}
		if len(e.sub) > 0 && !e.hidden {
			titles = slices.Concat(titles, []string{"{"}, visible(e.sub), []string{"}"})
		}
	}
	return titles
}

func TestMenu(t *testing.T) {
	t.Parallel()
	always := []string{"S_ettings", "{", "Start at _login", "_Notify of new mail", "Sync on _metered networks", "_Edit configuration", "}", "_About", "_Quit"}
	actions := []string{"-", "_Sync now", "_Pause", "Pause _for", "{", "_30 minutes", "_2 hours", "until _tomorrow", "}", "-"}
	rest := slices.Concat(actions, []string{"Open _log", "-"}, always)
	config := &fault.Error{Kind: fault.Config, Op: "read", Path: "/home/me/.smd/config.my_mail", Hint: "edit %s", HintArgs: []any{"it"}}
	many := sync.State{Overall: sync.Idle}
	for i := range slots + 2 {
		many.Endpoints = append(many.Endpoints, sync.EndpointState{Name: string(rune('a' + i))})
	}
	var manyTitles []string
	for _, e := range many.Endpoints[:slots] {
		manyTitles = append(manyTitles, e.Name+": not synced yet", "{", "(not synced yet)", "_Sync now", "_Pause", "Open _log", "}")
	}
	for name, tc := range map[string]struct {
		state sync.State
		want  []string
	}{
		"nothing yet": {sync.State{Overall: sync.Idle}, append([]string{"(Mail is in sync)"}, rest...)},
		"one endpoint": {
			sync.State{Overall: sync.Idle, Endpoints: []sync.EndpointState{{Name: "my_mail"}}},
			append([]string{"(Mail is in sync)", "(my__mail: not synced yet)"}, rest...),
		},
		"two endpoints, one paused": {
			sync.State{Overall: sync.Idle, Endpoints: []sync.EndpointState{
				{Name: "a", Paused: true},
				{Name: "b", LastSuccess: noon.Add(-time.Hour), LastChange: sync.Summary{New: 1, Moved: 2}, NextRun: noon.Add(time.Minute)},
			}},
			slices.Concat([]string{
				"(Mail is in sync)",
				"a: paused", "{", "(paused)", "_Sync now", "_Resume", "Open _log", "}",
				"b: synced 1 hour ago · 1 new, 2 moved", "{", "(synced 1 hour ago · 1 new, 2 moved)", "(last synced at 11:00)",
				"(it changed: 1 new, 2 moved)", "(next sync at 12:01)", "_Sync now", "_Pause", "Open _log", "}",
			}, rest),
		},
		"setup problem": {
			sync.State{Overall: sync.Attention, Setup: config},
			slices.Concat([]string{"(Mail sync needs a look)"}, actions, []string{
				"Pr_oblems (1)", "{", "(the configuration needs a look)", "(    read: /home/me/.smd/config.my__mail: the configuration needs a)", "(    look)",
				"(    edit it)", "Edit configuration", "Sync now", "Open log", "}", "Open _log", "-",
			}, always),
		},
		"held, and another that failed thrice": {
			sync.State{Overall: sync.Attention, Endpoints: []sync.EndpointState{
				{Name: "a", Held: []sync.HeldFolder{{Folder: "x", Count: 20}}},
				{Name: "b", Problem: &sync.Problem{Err: &fault.Error{Kind: fault.DiskFull}, Count: 3, Since: noon.Add(-time.Hour)}},
			}},
			slices.Concat([]string{
				"(Mail sync needs a look)", "a: not synced yet · 20 deletions held back in x", "{", "(not synced yet · 20 deletions held back in x)", "_Sync now", "_Pause", "Open _log", "}",
				"b: the disk is full", "{", "(the disk is full)", "_Sync now", "_Pause", "Open _log", "}",
			}, actions, []string{
				"Pr_oblems (2)", "{", "(a: 20 deletions held back in x)", "Delete them on both sides", "Bring them back",
				"(b: the disk is full)", "(    free some space; nothing was lost, the sync goes on where it)", "(    stopped)", "(    tried 3 times since 11:00)",
				"Sync now", "Open log", "}", "Open _log", "-",
			}, always),
		},
		"all paused": {
			sync.State{Overall: sync.Paused, Endpoints: []sync.EndpointState{{Name: "a", Paused: true, PausedUntil: noon.Add(time.Hour)}}},
			slices.Concat([]string{"(Mail sync is paused until 13:00)", "(a: paused until 13:00)", "-", "_Sync now", "_Resume", "-", "Open _log", "-"}, always),
		},
		"what happened": {
			sync.State{Overall: sync.Idle, Recent: []sync.Activity{
				{Endpoint: "a", Direction: sync.Push, At: noon.Add(-time.Minute), Summary: sync.Summary{Flagged: 1200}},
				{Endpoint: "b", Direction: sync.Pull, At: noon.Add(-24 * time.Hour), Summary: sync.Summary{New: 1, Edited: 1}},
			}},
			slices.Concat([]string{"(Mail is in sync)"}, actions, []string{
				"_Recent activity", "{", "11:59  a: sent 1,200 marked", "3 Mar 12:00  b: received 1 new, 1 edited", "}", "Open _log", "-",
			}, always),
		},
		"more than fit": {many, slices.Concat([]string{"(Mail is in sync)"}, manyTitles, []string{"(and 2 more endpoints)"}, rest)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := visible(view(at(tc.state)).entries); !slices.Equal(got, tc.want) {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

// What came of something a person chose stands with the problem, and what can be
// done next before all else.
func TestNotes(t *testing.T) {
	t.Parallel()
	v := at(sync.State{Endpoints: []sync.EndpointState{{Name: "a", Problem: &sync.Problem{Err: &fault.Error{
		Kind: fault.HostKeyUnknown, Hint: "look", Actions: []fault.Action{{Kind: fault.TrustHost, Arg: "mail"}},
	}}}}})
	trust := fault.Action{Kind: "trust-key", Arg: "SHA256:x"}
	v.notes = map[string]Note{"a": {Text: "mail shows the key SHA256:x", Offers: []phrase.Offer{{Action: trust, Label: "Trust this key"}}}}
	_, entries := v.problemsMenu()
	want := []string{"(a: the server's host key is not known)", "(    look)", "(    mail shows the key SHA256:x)", "Trust this key", "Show the server's key", "Sync now", "Open log"}
	if got := visible(entries); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, e := range entries {
		if e.title == "Trust this key" && (e.do != act || e.action != trust || e.endpoint != "a") {
			t.Errorf("a click does %+v", e.line)
		}
	}
}

func TestUntilTomorrow(t *testing.T) {
	t.Parallel()
	late := time.Date(2026, 12, 31, 23, 50, 0, 0, time.UTC)
	if got := untilTomorrow.until(late); !got.Equal(time.Date(2027, 1, 1, 6, 0, 0, 0, time.UTC)) {
		t.Errorf("until %s", got)
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                     nil,
		"one two three":        {"one two", "three"},
		"abcdefghijk, and one": {"abcdefg…", "and one"},
		"a\nb\x00c\xff":        {"a b c\uFFFD"},
	} {
		if got := wrap(text, 8); !slices.Equal(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// The menu is built once: whatever the state, lines keep their places, and with
// them what they are for; submenus grow at their ends.
func TestLinesKeepTheirPlaces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		one, other := drawState(t), drawState(t)
		a, b := view(at(one)), view(at(other))
		if len(a.entries) != len(b.entries) {
			t.Fatalf("%d lines and %d", len(a.entries), len(b.entries))
		}
		same := len(one.Endpoints) > 0 && len(other.Endpoints) > 0 && one.Endpoints[0].Name == other.Endpoints[0].Name
		compare(t, a.entries, b.entries, same)
	})
}

func compare(t *rapid.T, a, b []entry, sameEndpoint bool) {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if (x.do == separator) != (y.do == separator) || x.checkbox != y.checkbox || (x.do == nothing) != (y.do == nothing) && !x.hidden && !y.hidden {
			t.Fatalf("line %d became another sort: %+v, %+v", i, x.line, y.line)
		}
		if x.do == act && y.do == act && !x.hidden && !y.hidden && x.action.Kind != y.action.Kind {
			t.Fatalf("line %d does %s and %s", i, x.action.Kind, y.action.Kind)
		}
		if sameEndpoint && x.do == act && !x.hidden && !y.hidden && x.endpoint != y.endpoint && i < 2*(3+textLines+len(phrase.Kinds())) {
			t.Fatalf("line %d is for %s and %s", i, x.endpoint, y.endpoint)
		}
		for _, l := range []line{x.line, y.line} {
			if !l.hidden && l.do != separator && l.title == "" {
				t.Fatalf("line %d is visible and empty", i)
			}
			if l.disabled && strings.Count(l.title, "_")%2 != 0 {
				t.Fatalf("%q has an access key and can't be clicked", l.title)
			}
		}
		compare(t, x.sub, y.sub, sameEndpoint)
	}
}

// No line that can be seen does nothing, unless it is grey or opens a submenu
// with something in it.
func TestNothingShownDoesNothing(t *testing.T) {
	t.Parallel()
	var look func(t *rapid.T, entries []entry)
	look = func(t *rapid.T, entries []entry) {
		for _, e := range entries {
			idle := e.do == nothing && !e.disabled && len(visible(e.sub)) == 0
			if !e.hidden && idle {
				t.Fatalf("%q does nothing", e.title)
			}
			if !e.hidden {
				look(t, e.sub)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) { look(t, view(at(drawState(t))).entries) })
}

// No two entries of a menu have the same access key, in any language.
func TestAccessKeysDiffer(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "de", "fr", "it"} {
		v := at(panelState(2))
		v.Book = phrase.For(func(string) string { return language })
		var look func(entries []entry)
		look = func(entries []entry) {
			taken := make(map[string]string)
			for _, e := range entries {
				if _, after, has := strings.Cut(strings.ReplaceAll(e.title, "__", ""), "_"); has && !e.hidden {
					key := strings.ToLower(after[:1])
					if other := taken[key]; other != "" {
						t.Errorf("%s: %q and %q", language, other, e.title)
					}
					taken[key] = e.title
				}
				look(e.sub)
			}
		}
		look(view(v).entries)
	}
}

// panelState is one with everything in its menu.
func panelState(endpoints int) sync.State {
	s := sync.State{Overall: sync.Attention, Recent: []sync.Activity{{Endpoint: "a", Direction: sync.Pull, At: noon, Summary: sync.Summary{New: 3}}}}
	for i := range endpoints {
		s.Endpoints = append(s.Endpoints, sync.EndpointState{
			Name: string(rune('a' + i)), LastSuccess: noon.Add(-time.Minute), Problem: &sync.Problem{Err: &fault.Error{Kind: fault.Auth}, Count: 2, Since: noon},
		})
	}
	return s
}

// Until the time a view gives, nothing changes by itself; a repaint before
// would send nothing.
func TestNothingChangesBeforeItIsStale(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawState(t)
		m := view(at(s))
		later := noon.Add(time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "later")))
		if !m.stale.IsZero() {
			if !m.stale.After(noon) {
				t.Fatalf("stale at once: %s", m.stale)
			}
			if !later.Before(m.stale) {
				later = m.stale.Add(-1)
			}
		}
		then := view(scene{state: s, now: later, Book: phrase.English})
		if !slices.Equal(visible(then.entries), visible(m.entries)) || then.tooltip != m.tooltip {
			t.Fatalf("changed by %s, before %s:\n%q\n%q", later, m.stale, visible(m.entries), visible(then.entries))
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
			PausedUntil: moment.Draw(t, "paused until"),
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
		Recent:    make([]sync.Activity, rapid.IntRange(0, 10).Draw(t, "recent")),
	}
}
