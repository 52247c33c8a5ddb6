package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"smd-applet/sync/synctest"
	"smd-applet/sync/synctest/steps"
)

// Of the short histories make test takes one in so many, and of each one death. Where
// SMD_APPLET_DEATHS_OF says a length, all up to that one are taken, and of their
// deaths one in SMD_APPLET_CRASH; all where that is 1.
const shortOneIn = 97

// TestShortHistoriesDie has each short history of two ends be synced by a run whose
// one end dies at one of its steps.
func TestShortHistoriesDie(t *testing.T) {
	t.Parallel()
	if !steps.Supported {
		t.Skip("programs can be traced on Linux on amd64 only")
	}
	most, nth, oneIn := 2, 0, shortOneIn
	if n, err := strconv.Atoi(os.Getenv("SMD_APPLET_DEATHS_OF")); err == nil {
		most, nth, oneIn = n, 1, 1
		if n, err := strconv.Atoi(os.Getenv("SMD_APPLET_CRASH")); err == nil {
			nth = n
		}
	}
	programs := []crashSession{{"sync", "2", syncs[0], nil}, {"pull", "1.3", pullPush[0], nil}, {"push", "1.3", pullPush[1], nil}}
	for i, c := range programs {
		t.Run(c.dialect+": "+c.name, func(t *testing.T) {
			t.Parallel()
			start := newStage(t, filepath.Join(t.TempDir(), "start"), c.dialect)
			start.made(filepath.Join(start.dir, "backup"))
			for range 3 {
				if _, err := start.there.Deliver(".a"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := start.there.Deliver("."); err != nil {
				t.Fatal(err)
			}
			start.well(start.settled())
			cases, ways, histories, n := 0, 0, 0, i*shortOneIn/len(programs)
			for deeds := range synctest.ShortHistories(most) {
				if n++; n%oneIn > 0 {
					continue
				}
				histories++
				h := shortHistory{c: &c, start: start, deeds: deeds, dir: t.TempDir()}
				t.Run(fmt.Sprint(deeds), func(t *testing.T) {
					died, of := h.try(t, n, nth)
					cases, ways = cases+died, ways+of
				})
				if t.Failed() {
					break
				}
			}
			t.Attr("cases", strconv.Itoa(cases))
			t.Logf("%d histories, %d deaths of %d", histories, cases, ways)
		})
	}
}

type shortHistory struct {
	c     *crashSession
	start *stage
	deeds []synctest.Deed
	dir   string
}

// stage is one on which the history has happened.
func (h *shortHistory) stage(t *testing.T, name string) (*stage, *synctest.Account) {
	t.Helper()
	s := newStage(t, filepath.Join(h.dir, name), h.c.dialect)
	s.copy(h.start)
	account, err := synctest.OpenAccount(s.here)
	s.must(err)
	for _, d := range h.deeds {
		s.must(account.Do(s.boxes()[d.End], d))
	}
	if h.c.name == "push" {
		s.well(pullPush[:1])
	}
	return s, account
}

// try has the ends die at each nth of their steps, at one where nth is 0, and returns
// how often they did, of how many ways there are.
func (h *shortHistory) try(t *testing.T, number, nth int) (died, ways int) {
	s, _ := h.stage(t, "whole")
	orders := map[int]*steps.Order{here: {}, there: {}}
	if out, err := s.step(orders, h.c.program...); err != nil || out != "" {
		t.Fatalf("the run nobody dies in: %v: %s", err, out)
	}
	var counts [2]int
	for end, o := range orders {
		trace, err := o.Read()
		s.must(err)
		counts[end] = len(trace)
	}
	s.well(h.c.settled())
	want := s.atRest()
	s.must(os.RemoveAll(s.dir))
	all := deaths(counts)
	ways = len(all)
	if nth == 0 {
		n := number * 31 % len(all)
		all = all[n : n+1]
	} else {
		all = eachNth(all, nth)
	}
	for _, d := range all {
		s, account := h.stage(t, "dies")
		if s.die(d, h.c.program) {
			died++
		}
		for range 2 {
			for _, argv := range h.c.settled() {
				if out, err := s.run(argv...); err != nil || out != "" {
					t.Errorf("%s: %s afterwards: %v: %s", d, argv, err, out)
				}
			}
		}
		got := s.atRest()
		if diff := synctest.DiffNames(got.census[there], got.census[here]); diff != "" {
			t.Errorf("%s: the ends differ: %s", d, diff)
		}
		if wrong := account.Check(got.census[here]); wrong != "" {
			t.Errorf("%s: %s", d, wrong)
		}
		for end, files := range got.files {
			for _, file := range files {
				if strings.Contains(file, "/tmp/") || strings.HasPrefix(file, "/.smd/") && !slices.Contains(want.files[end], file) {
					t.Errorf("%s: a stray at end %d: %s", d, end, file)
				}
			}
		}
		if t.Failed() {
			break
		}
		s.must(os.RemoveAll(s.dir))
	}
	return died, ways
}
