package twoway_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"smd-applet/sync/fault"
	"smd-applet/sync/guard"
	"smd-applet/sync/twoway"
)

// losing is a pair that agreed on a mailbox: 12 messages in .lists, 60 in the
// inbox, 12 in .Trash. sides are by name, of the end that loses messages.
func losing(t *testing.T) *pair {
	t.Helper()
	p := newPair(t)
	p.opt.Limits = guard.Limits{Count: 50}
	for folder, n := range map[string]int{".": 60, ".lists": 12, ".Trash": 12} {
		for range n {
			if _, err := p.side.box.Deliver(folder); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.mustSync()
	p.equal()
	return p
}

// count is how many messages an end has in a folder.
func (s *side) count(folder string) int {
	s.t.Helper()
	all, err := s.box.Messages(folder)
	if err != nil {
		s.t.Fatal(err)
	}
	return len(all)
}

func (s *side) removeFolder(folder string) {
	s.t.Helper()
	if err := s.box.RemoveFolder(folder); err != nil {
		s.t.Fatal(err)
	}
}

// decide notes what a person wants, as confirm and restore do.
func (p *pair) decide(carryOut bool) {
	p.t.Helper()
	end, err := p.client.open()
	if err != nil {
		p.t.Fatal(err)
	}
	defer closeEnd(end)
	if err := twoway.Decide(end.DB, carryOut); err != nil {
		p.t.Fatal(err)
	}
}

// held is what a run holds back of one end's deletions.
func held(r *twoway.Result, byServer bool) map[string]int {
	if byServer {
		return r.HeldHere
	}
	return r.HeldThere
}

// bothWays runs a test with a loss at the server and with one at the client.
func bothWays(t *testing.T, f func(t *testing.T, p *pair, loser, keeper *side, byServer bool)) {
	t.Helper()
	for _, byServer := range []bool{true, false} {
		t.Run(fmt.Sprintf("lost at the server %t", byServer), func(t *testing.T) {
			t.Parallel()
			p := losing(t)
			loser, keeper := p.client, p.side
			if byServer {
				loser, keeper = keeper, loser
			}
			f(t, p, loser, keeper, byServer)
		})
	}
}

// A folder of ten messages or more that is gone as a folder waits for a person,
// while everything else is synced.
func TestFolderGoneIsHeld(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, p *pair, loser, keeper *side, byServer bool) {
		loser.removeFolder(".lists")
		if _, err := loser.box.Deliver("."); err != nil {
			t.Fatal(err)
		}
		for range 2 { // and goes on waiting
			r := p.mustSync()
			if n := held(r, byServer)["Mail/.lists"]; n != 12 || len(held(r, !byServer)) > 0 {
				t.Fatalf("held: here %v, there %v, want 12 by one end", r.HeldHere, r.HeldThere)
			}
			if keeper.count(".lists") != 12 || keeper.count(".") != 61 {
				t.Fatalf("%d and %d messages, want 12 kept and 61", keeper.count(".lists"), keeper.count("."))
			}
		}
		p.decide(true)
		if r := p.mustSync(); len(held(r, byServer)) > 0 || keeper.count(".lists") != 0 {
			t.Errorf("held %v, %d messages are left, though a person confirmed", held(r, byServer), keeper.count(".lists"))
		}
		p.equal()
	})
}

func TestHeldIsRestored(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, p *pair, loser, _ *side, byServer bool) {
		loser.removeFolder(".lists")
		p.mustSync()
		p.decide(false)
		if r := p.mustSync(); len(held(r, byServer)) > 0 || loser.count(".lists") != 12 {
			t.Errorf("held %v, %d messages are back, want all 12", held(r, byServer), loser.count(".lists"))
		}
		p.equal()
		loser.removeFolder(".lists") // the decision was about that one loss
		if r := p.mustSync(); held(r, byServer)["Mail/.lists"] != 12 {
			t.Errorf("held %v, want a new question", held(r, byServer))
		}
	})
}

// Mail that is back is no longer asked about, and a decision comes too late for it.
func TestReappearanceWithdraws(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, p *pair, loser, keeper *side, byServer bool) {
		aside := filepath.Join(loser.home, "aside")
		if err := loser.box.AddFolder(".keep"); err != nil {
			t.Fatal(err)
		}
		rename(t, loser.box.Path(".lists"), aside)
		if r := p.mustSync(); held(r, byServer)["Mail/.lists"] != 12 {
			t.Fatalf("held %v, want 12", held(r, byServer))
		}
		rename(t, aside, loser.box.Path(".lists"))
		if r := p.mustSync(); len(held(r, byServer)) > 0 {
			t.Errorf("held %v though the mail is back", held(r, byServer))
		}
		p.decide(true) // there is nothing to decide on
		rename(t, loser.box.Path(".lists"), aside)
		if r := p.mustSync(); held(r, byServer)["Mail/.lists"] != 12 || keeper.count(".lists") != 12 {
			t.Errorf("held %v, %d messages: an old answer was taken for a new question", held(r, byServer), keeper.count(".lists"))
		}
	})
}

func TestTooManyAreHeld(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, p *pair, loser, keeper *side, byServer bool) {
		all, err := loser.box.Messages(".")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all[:51] {
			if err := loser.box.Delete(m); err != nil {
				t.Fatal(err)
			}
		}
		if r := p.mustSync(); held(r, byServer)["Mail"] != 51 || keeper.count(".") != 60 {
			t.Errorf("held %v, %d messages, want 51 of 60 held", held(r, byServer), keeper.count("."))
		}
	})
}

// What is no accident is not asked about: the trash emptied, and fewer than the limit.
func TestNotHeld(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, p *pair, loser, keeper *side, byServer bool) {
		for _, folder := range []string{".Trash", ".lists"} {
			all, err := loser.box.Messages(folder)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range all {
				if err := loser.box.Delete(m); err != nil {
					t.Fatal(err)
				}
			}
		}
		loser.removeFolder(".Trash")
		if r := p.mustSync(); len(held(r, byServer)) > 0 || keeper.count(".Trash")+keeper.count(".lists") > 0 {
			t.Errorf("held %v", held(r, byServer))
		}
		p.equal()
	})
}

// A run in one direction leaves alone what is held back in the other.
func TestOneDirectionKeepsTheOthersHolds(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, p *pair, loser, keeper *side, byServer bool) {
		loser.removeFolder(".lists")
		p.mustSync()
		p.decide(true)
		p.opt.Pull, p.opt.Push = !byServer, byServer // the other direction
		if r := p.mustSync(); keeper.count(".lists") != 12 {
			t.Fatalf("a run in the other direction carried it out: %+v", r)
		}
		p.opt.Pull, p.opt.Push = byServer, !byServer
		if p.mustSync(); keeper.count(".lists") != 0 {
			t.Error("the decision was forgotten by a run in the other direction")
		}
	})
}

func TestNoDelete(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, p *pair, loser, keeper *side, _ bool) {
		p.opt.NoDelete, p.hello.NoDelete = true, true
		all, err := loser.box.Messages(".lists")
		if err != nil {
			t.Fatal(err)
		}
		if err := loser.box.Delete(all[0]); err != nil {
			t.Fatal(err)
		}
		if p.mustSync(); keeper.count(".lists") != 12 {
			t.Error("a message was deleted")
		}
	})
}

func TestFailOnConflict(t *testing.T) {
	t.Parallel()
	p := losing(t)
	p.opt.FailOnConflict = true
	all, err := p.client.box.Messages(".lists")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*side{p.client, p.side} {
		if _, err := s.box.EditBody(all[0], "edited at "+s.home+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	before := [][]string{tree(t, p.client.home), tree(t, p.side.home)}
	if _, err := p.sync(); !fault.Is(err, fault.Conflict) {
		t.Errorf("got %v, want a conflict", err)
	}
	for i, s := range []*side{p.client, p.side} {
		if !slices.Equal(before[i], tree(t, s.home)) {
			t.Errorf("%s changed", s.home)
		}
	}
}

// A dry run tells what would be done, and changes no byte at either end.
func TestDryRun(t *testing.T) {
	t.Parallel()
	p := losing(t)
	for _, s := range []*side{p.client, p.side} {
		all, err := s.box.Messages(".")
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		if s == p.side {
			i = 10
		}
		_, flag := s.box.Flag(all[i], "S")
		_, edit := s.box.EditBody(all[i+1], "edited\n")
		_, move := s.box.Move(all[i+2], ".moved")
		_, deliver := s.box.Deliver(".fresh")
		for _, err := range []error{flag, edit, move, deliver, s.box.Delete(all[i+3])} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	state := func(s *side) string {
		return fmt.Sprintf("%s\n%x", tree(t, s.home), read(t, filepath.Join(s.home, "state")))
	}
	here, there := state(p.client), state(p.side)
	p.opt.DryRun, p.hello.DryRun = true, true
	r := p.mustSync()
	want := twoway.Tally{New: 1, Deleted: 1, Moved: 1, Flagged: 1, Edited: 1}
	for _, got := range []twoway.Tally{r.Here, r.There} {
		if got.Bytes = 0; got != want {
			t.Errorf("planned %+v, want %+v", got, want)
		}
	}
	if state(p.client) != here || state(p.side) != there {
		t.Error("something changed")
	}
	p.opt.DryRun, p.hello.DryRun = false, false
	r = p.mustSync()
	for _, got := range []twoway.Tally{r.Here, r.There} {
		if got.Bytes = 0; got != want {
			t.Errorf("did %+v, want what was planned, %+v", got, want)
		}
	}
	p.equal()
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
