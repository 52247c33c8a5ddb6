package notify

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"smd-applet/phrase"
	"smd-applet/sync"
	"smd-applet/sync/fault"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func raised(endpoint string, kind fault.Kind, cause string) sync.Event {
	return sync.ProblemRaised{Endpoint: endpoint, Problem: sync.Problem{
		Err: &fault.Error{Kind: kind, Endpoint: endpoint, Err: errors.New(cause)},
	}}
}

// told is what an action does, in one line.
func told(a action) string {
	switch {
	case a.popup == nil:
		return fmt.Sprintf("%d withdraw", a.card)
	case a.quiet:
		return fmt.Sprintf("%d change %s", a.card, a.popup.Title)
	default:
		return fmt.Sprintf("%d show %s", a.card, a.popup.Title)
	}
}

// TestDecide is the specification of what pops up when.
func TestDecide(t *testing.T) {
	t.Parallel()
	type step struct {
		at   time.Duration
		ev   sync.Event // nil: only time passes
		want []string
	}
	const (
		network = "the server can't be reached"
		held    = "many messages would be deleted"
	)
	for name, steps := range map[string][]step{
		"a problem is told once the others had time to come": {
			{0, raised("work", fault.Network, "cut"), nil},
			{merge - 1, nil, nil},
			{merge, nil, []string{"1 show work: " + network}},
			{time.Hour, nil, nil},
		},
		"problems that come together get one popup": {
			{0, raised("work", fault.Network, "cut"), nil},
			{time.Second, raised("home", fault.Network, "cut"), nil},
			{merge, nil, []string{"1 show work and home: " + network}},
		},
		"different ones too": {
			{0, raised("work", fault.Network, "cut"), nil},
			{time.Second, raised("home", fault.DiskFull, "full"), nil},
			{merge, nil, []string{"1 show work and home need a look"}},
		},
		"problems that come apart get a popup each": {
			{0, raised("work", fault.Network, "cut"), nil},
			{merge, nil, []string{"1 show work: " + network}},
			{time.Hour, raised("home", fault.Network, "cut"), nil},
			{time.Hour + merge, nil, []string{"2 show home: " + network}},
		},
		"the same problem again does not pop up": {
			{0, raised("work", fault.Network, "cut"), nil},
			{merge, nil, []string{"1 show work: " + network}},
			{time.Hour, raised("work", fault.Network, "cut"), nil},
			{2 * time.Hour, nil, nil},
		},
		"but its popup, if it still stands, says what is so now": {
			{0, raised("work", fault.Held, "3 messages"), nil},
			{merge, nil, []string{"1 show work: " + held}},
			{time.Hour, raised("work", fault.Held, "9 messages"), []string{"1 change work: " + held}},
			{2 * time.Hour, nil, nil},
		},
		"another kind of problem replaces the first": {
			{0, raised("work", fault.Network, "cut"), nil},
			{merge, nil, []string{"1 show work: " + network}},
			{time.Hour, raised("work", fault.DiskFull, "full"), nil},
			{time.Hour + merge, nil, []string{"1 show work: the disk is full"}},
		},
		"a problem that is over is withdrawn, and told again when it returns": {
			{0, raised("work", fault.Network, "cut"), nil},
			{merge, nil, []string{"1 show work: " + network}},
			{time.Hour, sync.ProblemCleared{Endpoint: "work"}, []string{"1 withdraw"}},
			{2 * time.Hour, raised("work", fault.Network, "cut"), nil},
			{2*time.Hour + merge, nil, []string{"2 show work: " + network}},
		},
		"a problem that is soon over is never told": {
			{0, raised("work", fault.Network, "cut"), nil},
			{time.Second, sync.ProblemCleared{Endpoint: "work"}, nil},
			{merge, nil, nil},
		},
		"a popup for two shrinks, then goes": {
			{0, raised("work", fault.Network, "cut"), nil},
			{0, raised("home", fault.Network, "cut"), nil},
			{merge, nil, []string{"1 show work and home: " + network}},
			{time.Minute, sync.ProblemCleared{Endpoint: "work"}, []string{"1 change home: " + network}},
			{time.Hour, sync.ProblemCleared{Endpoint: "home"}, []string{"1 withdraw"}},
		},
		"two popups become one": {
			{0, raised("work", fault.Network, "cut"), nil},
			{merge, nil, []string{"1 show work: " + network}},
			{time.Hour, raised("home", fault.Network, "cut"), nil},
			{time.Hour + merge, nil, []string{"2 show home: " + network}},
			{2 * time.Hour, raised("work", fault.DiskFull, "full"), nil},
			{2 * time.Hour, raised("home", fault.DiskFull, "full"), nil},
			{2*time.Hour + merge, nil, []string{"2 withdraw", "1 show work and home: the disk is full"}},
		},
		"a question about deletions stands alone": {
			{0, raised("work", fault.Network, "cut"), nil},
			{0, raised("home", fault.Held, "3 messages"), nil},
			{0, raised("club", fault.Network, "cut"), nil},
			{merge, nil, []string{"1 show home: " + held, "2 show work and club: " + network}},
		},
		"and leaves a popup for several": {
			{0, raised("work", fault.Network, "cut"), nil},
			{0, raised("home", fault.Network, "cut"), nil},
			{merge, nil, []string{"1 show work and home: " + network}},
			{time.Hour, raised("home", fault.Held, "3 messages"), nil},
			{time.Hour + merge, nil, []string{"1 change work: " + network, "2 show home: " + held}},
		},
		"popups come in bursts, never faster": {
			{0, raised("work", fault.Network, "cut"), nil},
			{merge, nil, []string{"1 show work: " + network}},
			{merge + 1, raised("home", fault.Network, "cut"), nil},
			{2 * merge, nil, nil},
			{2*merge + 1, raised("club", fault.Network, "cut"), nil},
			{merge + gap - 1, nil, nil},
			{merge + gap, nil, []string{"2 show home and club: " + network}},
		},
		"new mail is silent": {
			{0, sync.NewMail{Endpoint: "work", Count: 3}, nil},
			{time.Hour, nil, nil},
		},
		"unless asked for": {
			{0, sync.NewMail{Endpoint: "loud", Count: 1, Announce: true}, nil},
			{time.Second, sync.NewMail{Endpoint: "loud", Count: 2, Announce: true}, nil},
			{merge, nil, []string{"1 show loud: 3 new messages"}},
			{time.Hour, sync.NewMail{Endpoint: "loud", Count: 1, Announce: true}, nil},
			{time.Hour + merge, nil, []string{"1 show loud: 1 new message"}},
		},
		"the configuration as a whole": {
			{0, raised("", fault.Config, "loop: line 3"), nil},
			{merge, nil, []string{"1 show smd-applet: the configuration needs a look"}},
			{time.Hour, sync.ProblemCleared{}, []string{"1 withdraw"}},
		},
		"what is no problem is silent": {
			{0, sync.RunStarted{Endpoint: "work"}, nil},
			{0, sync.RunFinished{Endpoint: "work", Err: &fault.Error{Kind: fault.Network}}, nil},
			{0, sync.Reloaded{}, nil},
			{0, sync.ProblemCleared{Endpoint: "work"}, nil},
			{time.Hour, nil, nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := board{book: phrase.English}
			for i, s := range steps {
				var actions []action
				b, actions = decide(b, s.ev, start.Add(s.at))
				var got []string
				for _, a := range actions {
					got = append(got, told(a))
				}
				if !reflect.DeepEqual(got, s.want) {
					t.Fatalf("step %d: got %q, want %q", i, got, s.want)
				}
			}
		})
	}
}

func TestUnshownIsTriedAgain(t *testing.T) {
	t.Parallel()
	b, _ := decide(board{book: phrase.English}, raised("work", fault.Network, "cut"), start)
	b, actions := decide(b, nil, start.Add(merge))
	b = b.unshown(actions[0].card, start.Add(merge))
	if _, early := decide(b, nil, start.Add(merge+again-1)); early != nil {
		t.Errorf("told too early: %v", early)
	}
	if _, actions = decide(b, nil, start.Add(merge+again)); len(actions) != 1 || actions[0].popup == nil {
		t.Errorf("not told again: %v", actions)
	}
}

// TestScreenTellsTheTruth plays anything at all, and asks of what is on the
// screen then: each endpoint with a problem is told of by exactly one popup,
// nobody else is, and decide left its argument alone.
func TestScreenTellsTheTruth(t *testing.T) {
	t.Parallel()
	kinds := []fault.Kind{fault.Network, fault.DiskFull, fault.Held, fault.HostKeyChanged}
	rapid.Check(t, func(t *rapid.T) {
		b := board{book: phrase.English}
		now := start
		screen := make(map[card]*Popup)
		problems := make(map[string]fault.Kind)
		play := func(ev sync.Event) {
			before := fmt.Sprint(b)
			next, actions := decide(b, ev, now)
			if after := fmt.Sprint(b); after != before {
				t.Fatalf("decide changed its argument:\n%s\n%s", before, after)
			}
			b = next
			for _, a := range actions {
				switch {
				case a.popup != nil:
					screen[a.card] = a.popup
				case screen[a.card] == nil:
					t.Fatalf("card %d withdrawn, which was never shown", a.card)
				default:
					delete(screen, a.card)
				}
			}
		}
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			endpoint := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "endpoint")
			if rapid.Bool().Draw(t, "raise") {
				problems[endpoint] = rapid.SampledFrom(kinds).Draw(t, "kind")
				play(raised(endpoint, problems[endpoint], rapid.SampledFrom([]string{"x", "y"}).Draw(t, "cause")))
			} else {
				delete(problems, endpoint)
				play(sync.ProblemCleared{Endpoint: endpoint})
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			play(nil)
		}
		now = now.Add(time.Hour)
		play(nil)

		found := make(map[string]int)
		for _, p := range screen {
			for endpoint := range problems {
				for _, b := range p.Buttons[:1] {
					for _, e := range b.Deeds {
						if e.Endpoint == endpoint {
							found[endpoint]++
						}
					}
				}
			}
			if len(p.Buttons[0].Deeds) > 1 && p.Urgency == Critical {
				t.Errorf("a critical popup for several: %q", p.Title)
			}
		}
		for endpoint, kind := range problems {
			if found[endpoint] != 1 {
				t.Errorf("%s (%s) is told by %d popups of %d", endpoint, kind, found[endpoint], len(screen))
			}
		}
		if len(screen) > len(problems) {
			t.Errorf("%d popups for %d problems", len(screen), len(problems))
		}
	})
}

func TestNothingLeftIsForgotten(t *testing.T) {
	t.Parallel()
	b, _ := decide(board{book: phrase.English}, raised("work", fault.Network, "cut"), start)
	b, _ = decide(b, nil, start.Add(merge))
	b, _ = decide(b, sync.ProblemCleared{Endpoint: "work"}, start.Add(time.Hour))
	if len(b.problems) != 0 || !b.tellAt.IsZero() {
		t.Errorf("left: %s", strings.TrimSpace(fmt.Sprintf("%+v", b)))
	}
}
