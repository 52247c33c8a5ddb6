//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// sizes measures the first sync and runs with nothing to do with larger mailboxes,
// of those who are quick enough.
func sizes(f *field) error {
	if len(f.sizes) == 0 {
		return nil
	}
	t := f.table("sizes", "", "On loopback, once. Each peer's mailboxes are removed before the next one's are made.", heading("messages", "task", "what")...)
	t.title = "Larger mailboxes"
	for _, n := range f.sizes {
		var peers []peer
		for _, e := range f.entrants {
			if _, slow := e.peer.(mbsync); !slow && e.out == "" {
				peers = append(peers, e.peer)
			}
		}
		if f.late(0) {
			for _, p := range peers {
				t.without(fmt.Sprintf("left out: no time left; `make bench BENCH='-only sizes -sizes %d'` has it", n), fmt.Sprint(n), "", p.name())
			}
			continue
		}
		if err := f.room(n, 3); err != nil {
			return err
		}
		larger, err := f.newField(n, peers)
		if err != nil {
			return err
		}
		larger.part, larger.due = f.part, f.due
		for _, e := range larger.entrants {
			if err := e.size(t); err != nil {
				return err
			}
		}
		if err := os.RemoveAll(larger.seed); err != nil {
			return err
		}
	}
	f.show(t)
	return nil
}

// size measures one peer with one size, and removes its mailboxes.
func (e *entrant) size(t *table) error {
	n := fmt.Sprint(e.field.messages)
	ok, err := e.ready(t, first, 0, n, "first sync")
	if !ok || err != nil {
		return err
	}
	r, err := e.repeated(1, func() (measured, error) { return e.first(0) })
	if err != nil {
		return err
	}
	t.result(r, n, "first sync", r.what)
	t.bar(n+", first sync", r)
	defer func() {
		if e.pair != nil {
			_ = os.RemoveAll(filepath.Join(e.server, "Mail")) // all goes in the end
			_ = os.RemoveAll(e.here.Root)
		}
	}()
	if _, ok := e.peer.(tar); ok || r.failed {
		return nil
	}
	if ok, err = e.ready(t, pull, 0, n, "nothing to do"); !ok || err != nil {
		return err
	}
	if _, err := e.bring(e.peer, pull); err != nil && e.ended() != nil {
		return e.ended()
	}
	r, err = e.repeated(e.field.repeat+1, func() (measured, error) { return e.bring(e.peer, pull) })
	if err != nil {
		return err
	}
	t.result(r, n, "nothing to do", r.what)
	t.bar(n+", nothing to do", r)
	if e.resident() == nil || r.failed {
		return nil
	}
	if r, err = e.restingLoop(0); err != nil {
		return err
	}
	t.result(r, n, "nothing to do", r.what)
	t.bar(n+", nothing to do", r)
	return nil
}
