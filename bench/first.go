//go:build linux

package main

import (
	"fmt"
	"time"
)

// firstSync brings the whole mailbox to an empty client.
func firstSync(f *field) error {
	t := f.table("first", "First sync",
		"An empty client fetches everything; what a peer leaves to the system to make durable is followed by `sync`. tar is `ssh server tar cf - Mail | tar xf - && sync`. On loopback nothing lies between the ends, and bytes and round trips are not counted.",
		heading("line", "what", "× tar")...)
	for _, rtt := range f.rtts {
		var results []result
		for _, e := range f.entrants {
			ok, err := e.ready(t, first, rtt, lineOf(rtt))
			if err != nil {
				return err
			}
			if !ok {
				continue // the table has its row, before those that were measured
			}
			r, err := e.repeated(f.times(rtt), func() (measured, error) { return e.first(rtt) })
			if err != nil {
				return err
			}
			results = append(results, r)
		}
		unit := time.Duration(0)
		for _, r := range results {
			if r.what == "tar" && !r.failed {
				unit = r.wall
			}
		}
		for _, r := range results {
			t.result(r, lineOf(rtt), r.what, ratio(r.wall, unit))
			t.bar(lineOf(rtt), r)
		}
	}
	f.show(t)
	return nil
}

// first makes an empty client and has it fetch everything. Where there is no latency
// the proxy, whose copying would count, is left out.
func (e *entrant) first(rtt time.Duration) (measured, error) {
	host := counted
	if rtt == 0 {
		host = direct
	}
	if err := e.begin(host); err != nil {
		return measured{}, err
	}
	e.line.SetLatency(rtt / 2)
	m, err := e.bring(e.peer, first)
	if host == direct {
		m.wire, m.turns = 0, 0 // nothing counted them
	}
	return m, err
}

// times is how often a thing is done on a line; where the latency is most of it,
// once will do.
func (f *field) times(rtt time.Duration) int {
	if rtt > 0 {
		return 1
	}
	return f.repeat
}

func lineOf(rtt time.Duration) string {
	if rtt == 0 {
		return "loopback"
	}
	return fmt.Sprint(rtt)
}
