//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// many is the size from which only what cannot be left out is measured, unless
// peers are named: others take hours.
const many = 200_000

// largerMailboxes measures the first sync and runs with nothing to do with other
// sizes, of those who are quick enough.
func (s *stage) largerMailboxes() error {
	if len(s.sizes) == 0 {
		return nil
	}
	firsts := &table{
		slug: "sizes-first", title: "First sync of larger mailboxes",
		note: "On loopback. The peers take turns, so that what slows the machine for a while slows all of them. *× tar* compares each round's two runs: the median, the least and the most. What was done only once is marked so, has no ratio, and is no more than a hint.",
		head: heading("messages", "what", "runs", "× tar", "least to most"),
	}
	resting := &table{
		slug: "sizes-nothing", title: "Nothing to do with larger mailboxes",
		note: "On loopback, through a proxy that counts. From the start of a process to its end, connecting included, after a run that is not counted. Resident is `smd-applet sync` while smd-loop runs, the mean of twenty; its time includes the start of the command that asks. tar has nothing like it.",
		head: heading("messages", "what", "runs", "least to most"),
	}
	for _, n := range slices.Sorted(slices.Values(s.sizes)) {
		s.clock.begin(fmt.Sprintf("%d messages", n))
		if err := s.largerMailbox(n, firsts, resting); err != nil {
			return err
		}
		s.show(firsts)
		s.show(resting)
	}
	return nil
}

func (s *stage) largerMailbox(n int, firsts, resting *table) (err error) {
	size := fmt.Sprint(n)
	in, out := s.quickEnough(n)
	defer func() {
		for _, o := range out {
			for _, t := range []*table{firsts, resting} {
				t.without("left out: "+o.why, size, o.name)
			}
		}
	}()
	leaveOut := func(why string) {
		for _, p := range in {
			out = append(out, absentee{p.name(), why})
		}
	}
	if s.left(1) <= 0 {
		leaveOut("no time left")
		return nil
	}
	// A server and a client each; there may be more of the clients.
	f, err := s.newField(n, in, 2*len(in))
	if errors.Is(err, errNoRoom) {
		leaveOut(err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	f.part = 1
	defer func() { err = errors.Join(err, f.remove()) }()
	if err := f.compete(firsts); err != nil {
		return err
	}
	for _, e := range f.entrants {
		if err := e.rest(resting); err != nil {
			return err
		}
	}
	return nil
}

// absentee is who does not take part, and why.
type absentee struct{ name, why string }

// quickEnough are the peers to measure with a mailbox of n messages.
func (s *stage) quickEnough(n int) (in []peer, out []absentee) {
	for _, p := range s.quick {
		_, isTar := p.(tar)
		_, byMessage := p.(mbsync)
		switch {
		case len(s.peerNames) > 0:
			in = append(in, p)
		case byMessage:
			out = append(out, absentee{p.name(), "it takes a round trip a message, and is measured with fewer"})
		case n >= many && !isTar && p.name() != s.peers()[0].name():
			out = append(out, absentee{p.name(), fmt.Sprintf("from %d messages on only %s and tar are measured", many, s.peers()[0].name())})
		default:
			in = append(in, p)
		}
	}
	for _, p := range s.late {
		out = append(out, absentee{p.name(), "it needs long for each message, and is measured with fewer"})
	}
	return in, out
}

// compete has the peers take turns at a first sync, round after round while there
// is time.
func (f *field) compete(t *table) error {
	size := fmt.Sprint(f.messages)
	results := make(map[*entrant]*result)
	var took time.Duration // the last round
	for round := range f.repeat {
		if round > 0 && f.left(f.part) < took {
			break
		}
		began := time.Now()
		for _, e := range f.entrants {
			if round == 0 {
				ok, err := e.ready(t, first, 0, size)
				if err != nil {
					return err
				}
				if !ok {
					continue // the table has its row
				}
				results[e] = &result{what: e.name()}
			}
			all := results[e]
			if all == nil || all.failed {
				continue
			}
			f.clock.turn(e.name())
			if err := f.makeRoom(); err != nil {
				return err
			}
			r, err := e.repeated(1, func() (measured, error) { return e.first(0) })
			if err != nil {
				return err
			}
			all.take(r)
		}
		for _, e := range f.entrants {
			if e.pair != nil {
				f.old = append(f.old, e.client)
			}
		}
		took = time.Since(began)
	}
	var unit []measured
	for e, r := range results {
		if _, ok := e.peer.(tar); ok {
			unit = r.runs
		}
	}
	for _, e := range f.entrants {
		if r := results[e]; r != nil {
			t.result(*r, size, e.name(), r.times(), r.against(unit), r.spread())
			t.bar(size+" messages", r.marked())
		}
	}
	return nil
}

// take takes up another run.
func (r *result) take(run result) {
	if r.failed = run.failed; r.failed || r.verdict == "" || r.verdict == same {
		r.verdict = run.verdict
	}
	r.runs = append(r.runs, run.runs...)
	if len(r.runs) > 0 {
		r.measured = median(r.runs)
	}
}

// times is how often a thing was done, in words where that makes a difference.
func (r result) times() string {
	if len(r.runs) == 1 {
		return "once"
	}
	return fmt.Sprint(len(r.runs))
}

// marked is the result under a name that tells of what was done only once.
func (r result) marked() result {
	if len(r.runs) == 1 {
		r.what += ", once"
	}
	return r
}

// spread is between which times the runs lie.
func (r result) spread() string {
	if len(r.runs) < 2 {
		return ""
	}
	walls := r.walls()
	return seconds(slices.Min(walls)) + " to " + seconds(slices.Max(walls))
}

func (r result) walls() (walls []time.Duration) {
	for _, m := range r.runs {
		walls = append(walls, m.wall)
	}
	return walls
}

// against compares the runs with others of the same rounds.
func (r result) against(unit []measured) string {
	var ratios []float64
	for i := range min(len(r.runs), len(unit)) {
		ratios = append(ratios, r.runs[i].wall.Seconds()/unit[i].wall.Seconds())
	}
	if len(ratios) < 2 {
		return ""
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", quantile(ratios, 0.5), slices.Min(ratios), slices.Max(ratios))
}

// makeRoom removes clients that were measured where the disk has no room for
// another one.
func (f *field) makeRoom() error {
	if len(f.old) == 0 || f.roomFor(1) == nil {
		return nil
	}
	for _, client := range f.old {
		if err := os.RemoveAll(client); err != nil {
			return err
		}
	}
	f.old = nil
	known.Clear() // other files may get their inodes
	return f.settle()
}

// settle waits until ext4 gives out the inodes of the files that were removed:
// before, it looks at each of them in vain whenever it is to give one.
func (f *field) settle() error {
	syscall.Sync()
	const recent = 65 * time.Second // 60 in the kernel's ialloc.c, once they are on the disk
	select {
	case <-time.After(recent):
		return nil
	case <-f.ctx.Done():
		return f.ctx.Err()
	}
}

// rest measures a peer's runs with nothing to do.
func (e *entrant) rest(t *table) error {
	size := fmt.Sprint(e.field.messages)
	if e.pair == nil || e.spoilt { // another first sync would be needed
		t.without("left out: there was no first sync", size, e.name())
		return nil
	}
	ok, err := e.ready(t, pull, 0, size)
	if !ok || err != nil {
		return err
	}
	_, failed := e.bring(e.peer, pull)
	if e.ended() != nil {
		return e.ended()
	}
	r, err := e.repeated(e.field.repeat, func() (measured, error) {
		if failed != nil {
			return measured{}, failed
		}
		return e.bring(e.peer, pull)
	})
	if err != nil {
		return err
	}
	t.result(r, size, e.name(), r.times(), r.spread())
	t.bar(size+" messages", r.marked())
	if e.resident() == nil || r.failed {
		return nil
	}
	if r, err = e.restingLoop(0); err != nil {
		return err
	}
	t.result(r, size, r.what, "20", "")
	t.bar(size+" messages", r)
	return nil
}

// remove removes the mailboxes of all who were measured with them.
func (f *field) remove() error {
	trees := append(f.old, f.seed)
	for _, e := range f.entrants {
		if e.pair != nil {
			trees = append(trees, e.there.Root, e.here.Root)
		}
	}
	var errs []error
	for _, tree := range trees {
		errs = append(errs, os.RemoveAll(tree))
	}
	known.Clear() // other files may get their inodes
	return errors.Join(errs...)
}
