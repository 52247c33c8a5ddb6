//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"smd-applet/sync/synctest"
)

// hours are what happens between two syncs of a day, four times: mail comes, a
// person at the laptop reads, files, deletes and writes, and does some of it at
// the server by another program. Both ends work in folders of their own, so that
// no peer has a conflict to decide.
var hours = [2]deeds{
	{deliveries: 25, reads: 10, filings: 5, deletions: 5},
	{deliveries: 3, reads: 40, filings: 15, deletions: 10},
}

type deeds struct{ deliveries, reads, filings, deletions int }

const syncs = 4 // in a day

// day is the day in the life of a mailbox.
func day(f *field) error {
	of := func(d deeds) string {
		return fmt.Sprintf("%d deliveries, %d read, %d filed, %d deleted", d.deliveries, d.reads, d.filings, d.deletions)
	}
	t := f.table("day", "The day in the life",
		fmt.Sprintf("%d times both ends change and are synced: at the server %s, at the client %s. The figures are those of all syncs together. Resident: from the last change until `smd-applet sync` returns.", syncs, of(hours[0]), of(hours[1])),
		heading("line", "what")...)
	for _, rtt := range f.rtts {
		for _, e := range f.entrants {
			ok, err := e.ready(t, both, rtt, lineOf(rtt))
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if e.resident() != nil {
				r, err := e.looped(rtt, 1, func(l *loop) (measured, error) {
					return e.day(func() (measured, error) {
						l.began = time.Now()
						if err := l.sync(); err != nil {
							return measured{}, err
						}
						m, err := l.end()
						return m, err
					}, l.begin)
				})
				if err != nil {
					return err
				}
				t.result(r, lineOf(rtt), r.what)
				t.bar(lineOf(rtt), r)
				if r.failed {
					continue
				}
			}
			e.line.SetLatency(rtt / 2)
			r, err := e.repeated(1, func() (measured, error) {
				return e.day(func() (measured, error) { return e.bring(e.peer, both) }, nil)
			})
			if err != nil {
				return err
			}
			t.result(r, lineOf(rtt), r.what)
			t.bar(lineOf(rtt), r)
		}
	}
	f.show(t)
	return nil
}

// day has both ends change and then in step, again and again, and adds up.
func (e *entrant) day(inStep func() (measured, error), before func() error) (sum measured, err error) {
	for i := range syncs {
		if before != nil { // a loop works while changes are made
			if err := before(); err != nil {
				return sum, err
			}
		}
		if err := e.hour(uint64(i)); err != nil {
			return sum, err
		}
		m, err := inStep()
		if err != nil {
			return sum, err
		}
		sum.wall += m.wall
		sum.here.add(m.here)
		sum.there.add(m.there)
		sum.wire += m.wire
		sum.turns += m.turns
	}
	return sum, nil
}

// hour makes the changes of both ends.
func (e *entrant) hour(seed uint64) error {
	folders, err := e.folders()
	if err != nil {
		return err
	}
	for end, box := range []*synctest.Mailbox{e.there, e.here} {
		rng := rand.New(rand.NewPCG(seed, uint64(end)))
		var own []string
		for i, folder := range folders {
			if i%2 != end { // the inbox is the client's
				continue
			}
			if box == e.here {
				folder = e.inFolder(folder)
			}
			own = append(own, folder)
		}
		if err := e.change(box, hours[end], own, rng); err != nil {
			return err
		}
	}
	return nil
}

// folders are the server's, the inbox second.
func (e *entrant) folders() ([]string, error) {
	all, err := e.there.Messages("")
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, message := range all {
		if folder := filepath.Dir(filepath.Dir(message)); folder != "." && !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	if len(folders) < 3 {
		return nil, fmt.Errorf("the mailbox has %d folders, too few for a day", len(folders))
	}
	return slices.Insert(folders, 1, "."), nil
}

// change does the deeds of one end in its own folders. The largest of them gives
// what is filed and deleted.
func (e *entrant) change(box *synctest.Mailbox, d deeds, folders []string, rng *rand.Rand) error {
	into := folders[0]
	if box == e.there {
		into = "." // deliveries meet nothing
	}
	var all []string
	for _, folder := range folders {
		messages, err := box.Messages(folder)
		if err != nil {
			return err
		}
		all = append(all, messages...)
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	take := func(n int, f func(message string) error) error {
		n = min(n, len(all))
		for _, message := range all[:n] {
			if err := f(message); err != nil {
				return err
			}
		}
		all = all[n:]
		return nil
	}
	err := take(d.reads, func(message string) error {
		_, err := box.Flag(message, "S")
		return err
	})
	if err != nil {
		return err
	}
	err = take(d.filings, func(message string) error {
		_, err := box.Refile(message, folders[rng.IntN(len(folders))])
		return err
	})
	if err != nil {
		return err
	}
	if err := take(d.deletions, func(message string) error { return e.remove(box, message) }); err != nil {
		return err
	}
	for range d.deliveries {
		if err := e.deliver(box, into); err != nil {
			return err
		}
	}
	return nil
}

// deliver and remove keep account of what both ends should have.
func (e *entrant) deliver(box *synctest.Mailbox, folder string) error {
	to := box
	if box == e.there && e.owned != nil {
		box = e.post // its owner first: the server may read it the moment it is there
	}
	message, err := box.Deliver(folder)
	if err != nil {
		return err
	}
	if box != to {
		if err := errors.Join(e.owned(), os.Rename(box.Path(message), to.Path(message))); err != nil {
			return err
		}
	}
	return e.account.came(to.Path(message))
}

func (e *entrant) remove(box *synctest.Mailbox, message string) error {
	if err := e.account.gone(box.Path(message)); err != nil {
		return err
	}
	return box.Delete(message)
}
