package main_test

import (
	"crypto/sha256"
	"path/filepath"
	"testing"

	"smd-applet/sync/synctest"
	"smd-applet/sync/synctest/steps"
)

// On disks without hard links every kind of change is carried out at both ends. One
// that takes names for the same which differ in case only is told apart from the other
// end's by the system call that makes a name: what finds no place stays at the end
// that has it, and all of it is there as long as that lasts.
func TestOddDisks(t *testing.T) {
	t.Parallel()
	if !steps.Supported {
		t.Skip("programs can be traced on Linux on amd64 only")
	}
	names := []string{"1.Ab:2,S", "1.aB:2,S", "1.AB:2,"}
	for _, protocol := range []string{"2", "1.3"} {
		for _, disk := range []steps.Disk{steps.NoLinks, steps.FoldsCase} {
			t.Run(protocol+": "+string(disk), func(t *testing.T) {
				t.Parallel()
				s := newStage(t, filepath.Join(t.TempDir(), "w"), protocol)
				if disk == steps.NoLinks {
					everyAction(s)
				}
				for i, name := range names {
					s.must(s.there.AddFolder("."))
					s.put("there/Mail/cur/"+name, string(letter(100+i)))
				}
				for range 2 {
					for _, argv := range s.settled() {
						orders := map[int]*steps.Order{here: {Disk: disk}}
						if disk == steps.NoLinks {
							orders[there] = &steps.Order{Disk: disk}
						}
						if out, err := s.step(orders, argv...); disk == steps.NoLinks && (err != nil || out != "") {
							t.Errorf("%s: %v: %s", argv, err, out)
						}
					}
				}
				got := s.atRest()
				if d := synctest.DiffNames(got.census[there], got.census[here]); d != "" && disk == steps.NoLinks {
					t.Errorf("the ends differ: %s", d)
				}
				have := s.contents(there)
				for i, name := range names {
					if have[sha256.Sum256(letter(100+i))] != 1 {
						t.Errorf("%s is lost", name)
					}
				}
				if len(s.contents(here)) == 0 {
					t.Error("nothing came")
				}
			})
		}
	}
}
