//go:build linux

package main

import "time"

// nothingToDo starts each peer where both ends are in step, beside a find over each
// end's tree, which looks at as much.
func nothingToDo(f *field) error {
	t := f.table("nothing", "Nothing to do",
		"From the start of a process to its end, connecting included; find is `find -printf %T@` over one end's tree, here one after the other. Resident is `smd-applet sync` while smd-loop runs, of 20 the mean; its time includes the start of the command that asks.",
		heading("line", "what", "× both finds")...)
	unit, err := f.find(t)
	if err != nil {
		return err
	}
	for _, rtt := range f.rtts {
		for _, e := range f.entrants {
			ok, err := e.ready(t, pull, rtt, lineOf(rtt))
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			_, err = e.bring(e.peer, pull) // warms up, and takes up what was left
			e.line.SetLatency(rtt / 2)
			r, failed := e.repeated(f.times(rtt)+2, func() (measured, error) {
				if err != nil {
					return measured{}, err
				}
				return e.bring(e.peer, pull)
			})
			if failed != nil {
				return failed
			}
			t.result(r, lineOf(rtt), r.what, ratio(r.wall, unit))
			t.bar(lineOf(rtt), r)
			if e.resident() == nil || r.failed {
				continue
			}
			r, failed = e.restingLoop(rtt)
			if failed != nil {
				return failed
			}
			t.result(r, lineOf(rtt), r.what, ratio(r.wall, unit))
			t.bar(lineOf(rtt), r)
		}
	}
	f.show(t)
	return nil
}

// bothFinds is a script that looks at the two trees that are its arguments.
const bothFinds = `find "$1" -printf '%T@\n' >/dev/null; find "$2" -printf '%T@\n' >/dev/null`

// find looks at both trees of our own pair.
func (f *field) find(t *table) (time.Duration, error) {
	for _, e := range f.entrants {
		if !e.ours() {
			continue
		}
		ok, err := e.ready(t, pull, 0, "")
		if !ok {
			return 0, err
		}
		r, err := e.repeated(5, func() (measured, error) {
			return e.measure("sh", "-c", bothFinds, "sh", e.here.Root, e.there.Root)
		})
		if err != nil {
			return 0, err
		}
		r.verdict = ""
		t.result(r, "", "find, twice", "1.00")
		return r.wall, nil
	}
	return 0, nil
}

// restingLoop has a running loop sync where nothing changed.
func (e *entrant) restingLoop(rtt time.Duration) (result, error) {
	const times = 20
	return e.looped(rtt, 1, func(l *loop) (measured, error) {
		if err := l.begin(); err != nil {
			return measured{}, err
		}
		for range times {
			if err := l.sync(); err != nil {
				return measured{}, err
			}
		}
		m, err := l.end()
		m.wall, m.here.CPU, m.there.CPU = m.wall/times, m.here.CPU/times, m.there.CPU/times
		m.wire, m.turns = m.wire/times, m.turns/times
		return m, err
	})
}
