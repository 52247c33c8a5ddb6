package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"smd-applet/sync/fault"
)

func TestParseLoop(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []LoopEntry
	}{
		"SMD's own":       {"3 10 default\n", []LoopEntry{{3 * time.Minute, 10 * time.Minute, "default"}}},
		"no last newline": {"3 10 default", []LoopEntry{{3 * time.Minute, 10 * time.Minute, "default"}}},
		"comments and empty lines": {
			"# work\n\n  # home\n3 10 work # at night too\n\t0 5\thome#1\n",
			[]LoopEntry{{3 * time.Minute, 10 * time.Minute, "work"}, {0, 5 * time.Minute, "home"}},
		},
		"never":               {"0 0 default\n", []LoopEntry{{0, 0, "default"}}},
		"part of a minute":    {"0.5 1.25 default\n", []LoopEntry{{30 * time.Second, 75 * time.Second, "default"}}},
		"a year":              {"527040 0 default\n", []LoopEntry{{366 * 24 * time.Hour, 0, "default"}}},
		"CR LF":               {"3 10 a\r\n3 10 b\r\n", []LoopEntry{{3 * time.Minute, 10 * time.Minute, "a"}, {3 * time.Minute, 10 * time.Minute, "b"}}},
		"in the file's order": {"1 1 b\n2 2 a\n", []LoopEntry{{time.Minute, time.Minute, "b"}, {2 * time.Minute, 2 * time.Minute, "a"}}},
	} {
		got, err := parseLoop(c.text)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
}

// TestLoadLoopRefuses: the message names the file, the line and the way out.
func TestLoadLoopRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":         {"", []string{"no endpoint"}},
		"comments only":   {"# 3 10 default\n", []string{"no endpoint"}},
		"a word short":    {"3 10 default\n3 work\n", []string{"line 2", "three words"}},
		"a word too many": {"\n# x\n3 10 default now\n", []string{"line 3", "three words"}},
		"no number":       {"3 ten default\n", []string{"line 1", `"ten"`}},
		"less than never": {"-3 10 default\n", []string{"line 1", `"-3"`}},
		"for ever":        {"3 Inf default\n", []string{"line 1", `"Inf"`}},
		"not a number":    {"NaN 10 default\n", []string{"line 1", `"NaN"`}},
		"over a year":     {"527041 10 default\n", []string{"line 1", `"527041"`}},
		"not an endpoint": {"3 10 ../default\n", []string{"line 1", "../default"}},
		"an option":       {"3 10 -n\n", []string{"line 1", "-n"}},
		"twice":           {"3 10 work\n3 10 home\n3 10 work\n", []string{"line 3", "work", "twice"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := Paths{Home: t.TempDir()}
			if err := p.Make(); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p.Loop(), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := LoadLoop(p)
			if !fault.Is(err, fault.Config) {
				t.Fatalf("%v, want a failure of kind %s", err, fault.Config)
			}
			for _, word := range append(c.want, p.Loop()) {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
			f := fault.As(err)
			if edit := (fault.Action{Kind: fault.EditConfig, Arg: p.Loop()}); f.WayOut() != "edit "+p.Loop() || !slices.Contains(f.Suggested(), edit) {
				t.Errorf("way out %q, actions %v", f.WayOut(), f.Suggested())
			}
		})
	}
}

func TestLoadLoopWritesTemplate(t *testing.T) {
	t.Parallel()
	p := Paths{Home: t.TempDir()}
	want := []LoopEntry{{3 * time.Minute, 10 * time.Minute, "default"}}
	for _, when := range []string{"the first time", "once it is there"} {
		got, err := LoadLoop(p)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%s: %v, %v; want %v", when, got, err, want)
		}
	}
	st, err := os.Stat(p.Loop())
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode() != 0o600 {
		t.Errorf("the file has mode %v", st.Mode())
	}
	if text, err := os.ReadFile(p.Loop()); err != nil || !strings.Contains(string(text), "\n3 10 default\n") {
		t.Errorf("%q, %v", text, err)
	}
}

// TestLoadLoopUnreadable: a file that can't be read is not one that is missing.
func TestLoadLoopUnreadable(t *testing.T) {
	t.Parallel()
	p := Paths{Home: t.TempDir()}
	if err := os.MkdirAll(p.Loop(), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadLoop(p); !fault.Is(err, fault.Config) || !strings.Contains(err.Error(), p.Loop()) {
		t.Errorf("%v, want a failure of kind %s about %s", err, fault.Config, p.Loop())
	}
}

// TestLoopIsReadAsWritten: entries written as lines are the entries read.
func TestLoopIsReadAsWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		minutes := rapid.IntRange(0, maxMinutes)
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[A-Za-z0-9_@+][A-Za-z0-9._@+-]{0,9}`), 1, 5, rapid.ID[string]).Draw(t, "endpoints")
		var text strings.Builder
		var want []LoopEntry
		for _, name := range names {
			pull, push := minutes.Draw(t, "pull"), minutes.Draw(t, "push")
			fmt.Fprintf(&text, "%d %d %s\n", pull, push, name)
			want = append(want, LoopEntry{time.Duration(pull) * time.Minute, time.Duration(push) * time.Minute, name})
		}
		got, err := parseLoop(text.String())
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%q: %v, %v; want %v", text.String(), got, err, want)
		}
	})
}

// FuzzParseLoop: whatever the file holds, the entries read are sound, and a
// comment after a line changes nothing.
func FuzzParseLoop(f *testing.F) {
	for _, text := range []string{
		"3 10 default\n", "# x\n\n0 0 a\n1 1 b", "1e3 0x1p4 a", "NaN Inf a", "-0 0 a", "1 1 a\n1 1 a", "1 1 ..", "1 1\x001 a", "\xff",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := parseLoop(text)
		if err == nil && len(entries) == 0 {
			t.Error("neither an entry nor an error")
		}
		seen := make(map[string]bool)
		for _, e := range entries {
			if CheckEndpoint(e.Endpoint) != nil || seen[e.Endpoint] {
				t.Errorf("endpoint %q", e.Endpoint)
			}
			seen[e.Endpoint] = true
			for _, every := range []time.Duration{e.Pull, e.Push} {
				if every < 0 || every > maxMinutes*time.Minute {
					t.Errorf("every %v", every)
				}
			}
		}
		commented, commentedErr := parseLoop(strings.ReplaceAll(text, "\n", " # x\n"))
		if fmt.Sprint(err) != fmt.Sprint(commentedErr) || !slices.Equal(commented, entries) {
			t.Errorf("%v, %v; with comments %v, %v", entries, err, commented, commentedErr)
		}
	})
}
