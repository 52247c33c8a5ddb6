package setup

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

func TestEdit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text  string
		set   []Assignment
		want  string
		fails string
	}{
		"nothing":              {"A=1\n", nil, "A=1\n", ""},
		"where it stands":      {"# a\nA=1 # one\nB=2\n", []Assignment{{Name: "A", Value: "x"}}, "# a\nA=x # one\nB=2\n", ""},
		"the last counts":      {"A=1\nA=2\n", []Assignment{{Name: "A", Value: "x"}}, "A=1\nA=x\n", ""},
		"exported":             {"export A='1 2'\n", []Assignment{{Name: "A", Value: "x y"}}, "export A=\"x y\"\n", ""},
		"over lines":           {"A=\"1\n2\"\nB=\n", []Assignment{{Name: "A", Value: "x"}}, "A=x\nB=\n", ""},
		"two on a line":        {"A=1 B=2\n", []Assignment{{Name: "B", Value: "x"}}, "A=1 B=x\n", ""},
		"below its comment":    {"#A=1\n\n#B=2\n", []Assignment{{Name: "A", Value: "x"}}, "#A=1\nA=x\n\n#B=2\n", ""},
		"at the end":           {"B=2", []Assignment{{Name: "A", Value: "x"}}, "B=2\nA=x\n", ""},
		"explained":            {"B=2\n", []Assignment{{Name: "DEBUG", Value: "true"}}, "B=2\n\n# Log the traffic.\nDEBUG=true\n", ""},
		"explained once":       {"", []Assignment{{Name: "LIMIT_UP", Value: "1"}, {Name: "LIMIT_DOWN", Value: "2"}}, config.Explanation("LIMIT_UP") + "LIMIT_UP=1\nLIMIT_DOWN=2\n", ""},
		"for one command":      {"A=1 date\n", []Assignment{{Name: "A", Value: "x"}}, "A=1 date\nA=x\n", ""},
		"taken out":            {"A=1 # one\nB=2\n", []Assignment{{Name: "A", Unset: true}}, "#A=1 # one\nB=2\n", ""},
		"twice taken out":      {"A=1\nB=2\nA=3", []Assignment{{Name: "A", Unset: true}}, "#A=1\nB=2\n#A=3", ""},
		"never there":          {"B=2\n", []Assignment{{Name: "A", Unset: true}}, "B=2\n", ""},
		"shares its line":      {"B=2; A=1\n", []Assignment{{Name: "A", Unset: true}}, "", "by hand"},
		"with what a shell is": {"", []Assignment{{Name: "A", Value: `$(x) "y"`}}, "A='$(x) \"y\"'\n", ""},
		"no shell script":      {"A=(\n", []Assignment{{Name: "A", Value: "x"}}, "", "1:3"},
	} {
		got, err := edit(c.text, c.set)
		switch {
		case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
			t.Errorf("%s: %v, want %q", name, err, c.fails)
		case c.fails == "" && (err != nil || got != c.want):
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}

func TestEditLoop(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, want string
	}{
		"new":         {"", config.LoopHead + "3 0.5 work\n"},
		"another":     {"1 1 default", "1 1 default\n" + config.LoopColumns + "3 0.5 work\n"},
		"explained":   {config.LoopHead + "1 1 default\n", config.LoopHead + "1 1 default\n3 0.5 work\n"},
		"same":        {"# x\n3.0   0.5 work # mine\n", "# x\n3.0   0.5 work # mine\n"},
		"other times": {"1 1 default\n1 2 work\t# mine\n# end", "1 1 default\n3 0.5 work\t# mine\n# end"},
		"commented":   {"#3 0.5 work\n", "#3 0.5 work\n" + config.LoopColumns + "3 0.5 work\n"},
	} {
		if got := editLoop(c.text, "work", 3*time.Minute, 30*time.Second); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestEditKeepsTheRest: whatever is set, every line that a person wrote and that
// does not set it stays, byte for byte and in its order.
func TestEditKeepsTheRest(t *testing.T) {
	t.Parallel()
	theirs := []string{
		"# mine: é ß \u00a0\n", "\n", "  \t\n", "#MAILBOX=Old # not this\n", "MAX_DELETE=7   # why\n", "if true; then DEBUG=false; fi\n",
		"NOTE='over\nlines'\n", "export LANG=C\n", "NAME=$(hostname)\n", "\tLIMIT_UP=1 LIMIT_DOWN=2 # both\n", "# ends in blanks   \n", "SERVERNAMES=x\n",
	}
	set := []Assignment{
		{Name: "SERVERNAME", Value: "mailhost"}, {Name: "MAILBOX", Unset: true}, {Name: "MAILBOX_LOCAL", Value: "My Mail"}, {Name: "EXCLUDE", Value: "Mail/.Spam"},
	}
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.SampledFrom(append(slices.Clone(theirs), "SERVERNAME=old\n", "MAILBOX=Mail\n")), 0, 12).Draw(t, "lines")
		old := strings.Join(lines, "")
		if rapid.Bool().Draw(t, "cut") {
			old = strings.TrimSuffix(old, "\n")
		}
		rest, err := edit(old, set)
		if err != nil {
			t.Fatalf("%v:\n%s", err, old)
		}
		for i, line := range lines {
			if i == len(lines)-1 && !strings.HasSuffix(old, "\n") {
				line = strings.TrimSuffix(line, "\n")
			}
			if !slices.Contains(theirs, lines[i]) {
				continue // what is set
			}
			_, after, found := strings.Cut(rest, line)
			if !found {
				t.Fatalf("%q is gone from\n%s\nwhich is now\n%s", line, old, rest)
			}
			rest = after
		}
	})
}

// TestNewFilesSayWhatEachLineIs: in files that setup writes a comment stands above
// every line.
func TestNewFilesSayWhatEachLineIs(t *testing.T) {
	t.Parallel()
	a := Answers{
		Endpoint: "work", Server: "mailhost", Local: "Mail", Remote: "Maildir", Mode: "nodots", Pull: time.Minute, Push: time.Minute,
		LeftOut: []LeftOut{{"Spam", ".Spam", false}},
	}
	files, err := Plan(t.Context(), config.Paths{Home: t.TempDir()}, a, "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		explained := false
		set := 0
		for line := range strings.Lines(f.New) {
			switch {
			case strings.HasPrefix(line, "# "):
				explained = true
			case strings.TrimSpace(line) == "":
				explained = false
			case !strings.HasPrefix(line, "#"):
				set++
				if !explained {
					t.Errorf("%s: nothing says what this is: %s", f.Path, line)
				}
			}
		}
		if set == 0 {
			t.Errorf("%s sets nothing", f.Path)
		}
	}
}

// TestPlan: every plan makes a configuration that says what was answered, and
// planning again changes nothing.
func TestPlan(t *testing.T) {
	t.Parallel()
	base := Answers{Endpoint: "work", Server: "mailhost", Local: "Mail", Remote: "Mail", Mode: "move", Pull: time.Minute, Push: time.Minute}
	with := func(change func(*Answers)) Answers {
		a := base
		change(&a)
		return a
	}
	const existing = "SERVERNAME=old\nCLIENTNAME=me\nMAILBOX=Mail\nEXCLUDE=\"$MAILBOX/.Old\"\nif true; then MAX_DELETE=7; fi\n"
	for name, c := range map[string]struct {
		answers Answers
		old     string
		has     []string
		fails   string
	}{
		"new":         {base, "", []string{"\nSERVERNAME=mailhost\n", "\nMAILBOX=Mail\n", "\nCLIENTNAME=\"$(hostname)-work\"\n", "#MAX_DELETE"}, ""},
		"other names": {with(func(a *Answers) { a.Local, a.Mode = "My Mail", "nodots" }), "", []string{"\n#MAILBOX=Maildir\n", "\nMAILBOX_LOCAL=My%20Mail\n", "\nTRANSLATOR_RL=\"smd-translate -m nodots -d RL work\"\n"}, ""},
		"other place": {with(func(a *Answers) { a.Local = "Post" }), "", []string{"\nTRANSLATOR_LR=\"smd-translate -m move -d LR work\"\n"}, ""},
		"left out": {with(func(a *Answers) {
			a.LeftOut = []LeftOut{{".notmuch", ".notmuch", true}, {".My Spam", ".My Spam", false}}
		}), "", []string{"\nEXCLUDE=\"Mail/.notmuch Mail/.My%20Spam\"\n"}, ""},
		"left out by name": {with(func(a *Answers) { a.Mode = "default"; a.LeftOut = []LeftOut{{"Spam", ".Spam", false}} }), "", []string{"\nEXCLUDE_LOCAL=Mail/Spam\n", "\nEXCLUDE_REMOTE=Mail/.Spam\n"}, ""},
		"existing":         {base, existing, []string{"SERVERNAME=mailhost\nCLIENTNAME=me\nMAILBOX=Mail\nEXCLUDE=\"$MAILBOX/.Old\"\nif true; then MAX_DELETE=7; fi\n"}, ""},
		"one more left":    {with(func(a *Answers) { a.LeftOut = []LeftOut{{".Spam", ".Spam", false}} }), existing, []string{"EXCLUDE=\"$MAILBOX/.Old\"\n", "\nEXCLUDE_LOCAL=\"Mail/.Old Mail/.Spam\"\n"}, ""},
		"of another box":   {with(func(a *Answers) { a.Local = "Post" }), existing, nil, "goes by $MAILBOX"},
		"by a condition":   {base, "CLIENTNAME=me\nMAILBOX=Mail\nif true; then SERVERNAME=old; fi\n", []string{"\nSERVERNAME=mailhost\n"}, ""},
		"set again":        {base, "CLIENTNAME=me\nMAILBOX=Mail\nSERVERNAME=a\nif true; then SERVERNAME=old; fi\n", nil, "set again further down"},
		"nobody's mailbox": {with(func(a *Answers) { a.Local, a.Remote = "", "" }), "SERVERNAME=old\nCLIENTNAME=me\nMAILBOX='A B'\n", []string{"SERVERNAME=mailhost\nCLIENTNAME=me\nMAILBOX='A B'\n"}, ""},
	} {
		p := config.Paths{Home: t.TempDir()}
		files, err := Plan(t.Context(), p, c.answers, c.old, "")
		if c.fails != "" {
			if !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s: %v, want %q", name, err, c.fails)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, has := range c.has {
			if !strings.Contains(files[0].New, has) {
				t.Errorf("%s: no %q in\n%s", name, has, files[0].New)
			}
		}
		again, err := Plan(t.Context(), p, c.answers, files[0].New, files[1].New)
		if err != nil || again[0].Changed() || again[1].Changed() {
			t.Errorf("%s: planned again it changes: %v\n%s", name, err, again[0].New)
		}
	}
}

func TestNamesOf(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for name, c := range map[string]struct {
		here, there []string
		mode        string
		matched     int
	}{
		"nothing here":      {nil, []string{"Maildir", "Maildir/.Sent"}, "move", 0},
		"the same":          {[]string{"Mail", "Mail/.Sent"}, []string{"Maildir", "Maildir/.Sent", "Maildir/.Lists.2020"}, "move", 2},
		"without a dot":     {[]string{"Mail", "Mail/Sent", "Mail/Lists.2020"}, []string{"Maildir", "Maildir/.Sent", "Maildir/.Lists.2020"}, "default", 3},
		"in folders":        {[]string{"Mail", "Mail/Lists/2020"}, []string{"Maildir", "Maildir/.Sent", "Maildir/.Lists.2020"}, "nodots", 2},
		"with an inbox":     {[]string{"Mail/INBOX", "Mail/Lists/2020"}, []string{"Maildir", "Maildir/.Sent", "Maildir/.Lists.2020"}, "inbox+nodots", 2},
		"an inbox and dots": {[]string{"Mail/INBOX", "Mail/.Sent"}, []string{"Maildir", "Maildir/.Sent"}, "inbox", 2},
	} {
		got := NamesOf(home, "Mail", "Maildir", c.here, c.there)[0]
		if got.Mode != c.mode || got.Matched != c.matched || got.Lost != "" {
			t.Errorf("%s: %+v, want %s with %d", name, got, c.mode, c.matched)
		}
	}
}

func TestLeaveOut(t *testing.T) {
	t.Parallel()
	got := LeaveOut(t.TempDir(), "Mail", "Maildir", "default",
		[]string{"Mail", "Mail/Spam", "Mail/.notmuch", "Mail/.notmuch/xapian", "Mail/Sent"},
		[]string{"Maildir", "Maildir/.Spam", "Maildir/.Lists.Junk", "Maildir/.Junkyard"})
	want := []LeftOut{{"Spam", ".Spam", false}, {".notmuch", ".notmuch", true}, {"Lists.Junk", ".Lists.Junk", false}}
	if len(got) != len(want) {
		t.Fatalf("%+v, want %+v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
}
