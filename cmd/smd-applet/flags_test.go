package main_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"smd-applet/sync/synctest"
	"smd-applet/sync/synctest/steps"
)

// Each wait for the disk is one of a directory whose entries changed: flags all over a
// mailbox take no more of them than it has folders, and what a run takes anyway.
func TestFlagsWaitForEachDirectoryOnce(t *testing.T) {
	t.Parallel()
	if !steps.Supported {
		t.Skip("programs can be traced on Linux on amd64 only")
	}
	const folders = 10
	for end, name := range []string{"client", "server"} {
		t.Run("applied at the "+name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, t.TempDir(), "2")
			var messages []string
			for n := range folders {
				m, err := s.there.DeliverContent(fmt.Sprintf(".f%d", n), letter(n))
				if err == nil {
					m, err = s.there.Flag(m, "S")
				}
				if err != nil {
					t.Fatal(err)
				}
				messages = append(messages, m)
			}
			s.well(syncs)
			for _, m := range messages {
				if _, err := s.boxes()[1-end].Flag(m, "FS"); err != nil {
					t.Fatal(err)
				}
			}
			o := &steps.Order{}
			if out, err := s.step(map[int]*steps.Order{end: o}, syncs[0]...); err != nil || out != "" {
				t.Fatalf("%v: %s", err, out)
			}
			rest := s.atRest()
			if d := synctest.DiffNames(rest.census[here], rest.census[there]); d != "" {
				t.Fatal(d)
			}
			trace, err := o.Read()
			if err != nil {
				t.Fatal(err)
			}
			waits := make(map[string]int)
			for _, step := range trace {
				if rel, err := filepath.Rel(s.boxes()[end].Root, step.Path); step.Call == "fsync" && err == nil && filepath.IsLocal(rel) {
					waits[rel]++
				}
			}
			for n := range folders {
				if dir := fmt.Sprintf(".f%d/cur", n); waits[dir] != 1 {
					t.Errorf("%s is waited for %d times, want once", dir, waits[dir])
				}
			}
			if len(waits) != folders {
				t.Errorf("waited for %v, want those with changed entries", waits)
			}
		})
	}
}
