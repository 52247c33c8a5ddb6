//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// hyperfine has the program of that name time the cold runs with nothing to do: a
// second opinion of one who has no part in this one.
func hyperfine(f *field) error {
	t := f.table("hyperfine", "Nothing to do, as hyperfine measures it",
		"On loopback, each program by itself, ten times after one that is not counted.",
		"what", "× both finds", "mean", "σ", "least", "most")
	if lacks("hyperfine") != "" {
		t.note = "Left out: hyperfine is not installed."
		f.show(t)
		return nil
	}
	var unit time.Duration
	for _, e := range f.entrants {
		ok, err := e.ready(t, pull, 0)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if unit == 0 && e.ours() {
			found, err := e.hyperfine("sh", "-c", bothFinds, "sh", e.here.Root, e.there.Root)
			if err != nil {
				return err
			}
			unit = found.mean()
			t.add(found.cells("find, twice", unit)...)
		}
		if _, err := e.bring(e.peer, pull); err != nil { // takes up what was left
			if e.ended() != nil {
				return e.ended()
			}
			t.without(e.fail(err), e.name())
			continue
		}
		timed, err := e.hyperfine(e.command(e.pair, pull)...)
		if e.ended() != nil {
			return e.ended()
		}
		if err != nil {
			t.without(e.fail(err), e.name())
			continue
		}
		t.add(timed.cells(e.name(), unit)...)
		t.bars = append(t.bars, bar{"", e.name(), timed.mean()})
	}
	f.show(t)
	return nil
}

// timed is what hyperfine found, in seconds.
type timed struct{ Mean, Stddev, Min, Max float64 }

func (t timed) mean() time.Duration { return time.Duration(t.Mean * float64(time.Second)) }

func (t timed) cells(what string, unit time.Duration) []string {
	cells := []string{what, ratio(t.mean(), unit)}
	for _, s := range []float64{t.Mean, t.Stddev, t.Min, t.Max} {
		cells = append(cells, seconds(time.Duration(s*float64(time.Second))))
	}
	return cells
}

// hyperfine times a command of the client's.
func (p *pair) hyperfine(argv ...string) (t timed, err error) {
	var words []string
	for _, word := range argv {
		words = append(words, "'"+strings.ReplaceAll(word, "'", `'\''`)+"'")
	}
	file := filepath.Join(p.TempDir(), "hyperfine.json")
	cmd := command(p.ctx, "hyperfine", "-N", "--style", "none", "--warmup", "1", "--runs", "10", "--export-json", file, strings.Join(words, " "))
	cmd.Env, cmd.Dir = p.env(), p.client
	if out, err := cmd.CombinedOutput(); err != nil {
		return t, fmt.Errorf("hyperfine: %w: %s", err, lastLine(out))
	}
	if _, err := ended(p.ctx, p.noteThere); err != nil {
		return t, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return t, err
	}
	var all struct{ Results []timed }
	if err := json.Unmarshal(text, &all); err != nil || len(all.Results) != 1 {
		return t, fmt.Errorf("hyperfine wrote %q: %w", text, err)
	}
	return all.Results[0], nil
}
