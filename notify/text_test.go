package notify

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"smd-applet/phrase"
	"smd-applet/sync/fault"
)

func TestProblemPopup(t *testing.T) {
	t.Parallel()
	network := func(endpoint string) problem {
		return problem{endpoint: endpoint, err: &fault.Error{Kind: fault.Network, Op: "pull", Path: "mail.example.org", Err: errors.New("connection refused")}}
	}
	for _, test := range []struct {
		name            string
		problems        []problem
		title, body     string
		keys            []string
		urgency         Urgency
		category        string
		firstButtonsFor []string
	}{
		{
			name:            "network",
			problems:        []problem{network("work")},
			title:           "work: the server can't be reached",
			body:            "pull: mail.example.org: connection refused\nCheck the network if it lasts; the applet and the loop try again by themselves",
			keys:            []string{"retry", "open-log"},
			urgency:         Normal,
			category:        "network.error",
			firstButtonsFor: []string{"work"},
		},
		{
			name:            "held deletions",
			problems:        []problem{{endpoint: "work", err: &fault.Error{Kind: fault.Held, Err: errors.New("12 messages in Mail/lists would be deleted here and were kept")}}},
			title:           "work: many messages would be deleted",
			body:            "Many messages would be deleted\n12 messages in Mail/lists would be deleted here and were kept\nChoose: delete them on both sides, or bring them back",
			keys:            []string{"confirm", "restore"},
			urgency:         Critical,
			category:        "transfer.error",
			firstButtonsFor: []string{"work"},
		},
		{
			name:            "host key changed, no words beyond the summary",
			problems:        []problem{{endpoint: "work", err: &fault.Error{Kind: fault.HostKeyChanged}}},
			title:           "work: the server's host key has changed",
			body:            "The server's host key has changed\nIf the server was reinstalled run: smd-applet trust HOST; if not, someone may be listening",
			keys:            []string{"retry", "open-log"},
			urgency:         Critical,
			category:        "network.error",
			firstButtonsFor: []string{"work"},
		},
		{
			name: "configuration with a file to edit",
			problems: []problem{{err: &fault.Error{
				Kind: fault.Config, Path: "~/.smd/loop", Hint: "correct line 3", Err: errors.New("no such endpoint"),
				Actions: []fault.Action{{Kind: fault.EditConfig, Arg: "~/.smd/loop"}, {Kind: fault.RunCommand, Arg: "true"}},
			}}},
			title:           "smd-applet: the configuration needs a look",
			body:            "The configuration needs a look\n~/.smd/loop: no such endpoint\nCorrect line 3",
			keys:            []string{"edit-config", "retry", "open-log"},
			urgency:         Normal,
			category:        "transfer.error",
			firstButtonsFor: []string{""},
		},
		{
			name:     "several alike",
			problems: []problem{network("a"), network("b"), network("c"), network("d"), network("e")},
			title:    "a, b, c and 2 more: the server can't be reached",
			body: "a: pull: mail.example.org: connection refused\nb: pull: mail.example.org: connection refused\n" +
				"c: pull: mail.example.org: connection refused\nd: pull: mail.example.org: connection refused\nand 1 more\n" +
				"Check the network if it lasts; the applet and the loop try again by themselves",
			keys:            []string{"retry", "open-log"},
			urgency:         Normal,
			category:        "network.error",
			firstButtonsFor: []string{"a", "b", "c", "d", "e"},
		},
		{
			name:            "several of different kinds",
			problems:        []problem{network("a"), {endpoint: "b", err: &fault.Error{Kind: fault.DiskFull}}},
			title:           "a and b need a look",
			body:            "a: the server can't be reached\nb: the disk is full\nThe menu and the log say what to do about each",
			keys:            []string{"retry", "open-log"},
			urgency:         Normal,
			category:        "network.error",
			firstButtonsFor: []string{"a", "b"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := problemPopup(phrase.English, test.problems)
			if p.Title != test.title {
				t.Errorf("title %q, want %q", p.Title, test.title)
			}
			if p.Body != test.body {
				t.Errorf("body %q, want %q", p.Body, test.body)
			}
			var keys []string
			for _, b := range p.Buttons {
				keys = append(keys, b.Key)
			}
			if !reflect.DeepEqual(keys, test.keys) {
				t.Errorf("buttons %q, want %q", keys, test.keys)
			}
			var got []string
			for _, d := range p.Buttons[0].Deeds {
				got = append(got, d.Endpoint)
			}
			if !reflect.DeepEqual(got, test.firstButtonsFor) {
				t.Errorf("first button is for %q, want %q", got, test.firstButtonsFor)
			}
			if p.Urgency != test.urgency || p.Category != test.category {
				t.Errorf("urgency %d, category %s; want %d, %s", p.Urgency, p.Category, test.urgency, test.category)
			}
		})
	}
}

// TestForeignWordsAreTamed: whatever the other end said, a popup stays short,
// printable, and keeps the way out.
func TestForeignWordsAreTamed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		said := string(rapid.SliceOf(rapid.Byte()).Draw(t, "said"))
		p := problemPopup(phrase.English, []problem{{endpoint: said, err: &fault.Error{Kind: fault.RemoteFailed, Path: said, Err: errors.New(said)}}})
		for _, text := range []string{p.Title, strings.ReplaceAll(p.Body, "\n", "")} {
			if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x202e }) {
				t.Errorf("%q does not print", text)
			}
		}
		if n := utf8.RuneCountInString(p.Title); n > longestTitle {
			t.Errorf("title of %d characters", n)
		}
		if n := utf8.RuneCountInString(p.Body); n > longestWords+longestWayOut+longestTitle {
			t.Errorf("body of %d characters", n)
		}
		if !strings.HasSuffix(p.Body, "See its words in the log") || strings.Count(p.Body, "\n") > 2 {
			t.Errorf("body %q", p.Body)
		}
	})
}

func TestEscape(t *testing.T) {
	t.Parallel()
	if got, want := escape(`<b>"it's" & so</b>`), `&lt;b&gt;"it's" &amp; so&lt;/b&gt;`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
