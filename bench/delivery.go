//go:build linux

package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// delivery measures from the moment a message lies in the server's new until it
// lies in the client's.
func delivery(f *field) error {
	ours := f.deliveries
	if !f.whole {
		ours = min(ours, 50)
	}
	t := f.table("delivery", "From delivery at the server to the local new/",
		"Messages one at a time, each some time after the one before has come, while smd-loop runs. rsync, mbsync and muchsync wait for nothing by themselves: with them a message comes at the next run; so it does with unison, which would need its unison-fsmonitor to watch, and Debian's package has none. OfflineIMAP waits by IDLE, which Dovecot answers half a second later or more; what comes while it works on another message it misses, so that it gets fewer, at longer intervals. Of few messages no percentile is told.",
		"line", "what", "messages", "median", "95th", "99th percentile", "slowest", "CPU here", "CPU there", "round trips", "mail")
	for _, rtt := range slices.Compact([]time.Duration{f.rtts[0], f.rtts[len(f.rtts)-1]}) {
		for _, e := range f.entrants {
			w, waits := e.peer.(waiter)
			if e.resident() == nil && !waits {
				continue
			}
			ok, err := e.ready(t, pull, rtt, lineOf(rtt))
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			var times []time.Duration
			var r result
			if waits {
				times, r, err = e.waiting(rtt, w)
			} else {
				r, err = e.looped(rtt, 1, func(l *loop) (measured, error) {
					if err := l.begin(); err != nil {
						return measured{}, err
					}
					var err error
					if times, err = e.deliveries(ours, apart, f.limit); err != nil {
						return measured{}, err
					}
					m, err := l.end()
					if err != nil {
						return m, err
					}
					return m, l.sync()
				})
			}
			if err != nil {
				return err
			}
			if r.failed || len(times) == 0 {
				t.without(r.verdict, lineOf(rtt), r.what)
				continue
			}
			n := len(times)
			part := func(of float64) string {
				if of < 1 && float64(n)*(1-of) < 1 {
					return "" // it would be the slowest
				}
				return seconds(quantile(times, of))
			}
			t.add(lineOf(rtt), r.what, fmt.Sprint(n), part(0.5), part(0.95), part(0.99), part(1),
				seconds(r.here.CPU/time.Duration(n)), seconds(r.there.CPU/time.Duration(n)), fmt.Sprintf("%.1f", float64(r.turns)/float64(n)), r.verdict)
			for _, p := range []struct {
				of   float64
				name string
			}{{0.5, "median"}, {0.95, "95th"}, {0.99, "99th percentile"}} {
				if part(p.of) != "" {
					t.bars = append(t.bars, bar{lineOf(rtt) + ", " + p.name, r.what, quantile(times, p.of)})
				}
			}
		}
	}
	f.show(t)
	return nil
}

// apart is the time between an arrival and the next delivery: mail does not come
// the moment another has.
const apart = 50 * time.Millisecond

// deliveries delivers messages one at a time, so far apart, and returns how long each
// was on its way, its writing at the server included. It ends after the limit, too.
func (e *entrant) deliveries(n int, apart, limit time.Duration) ([]time.Duration, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if err := w.Add(filepath.Join(e.here.Path(e.inFolder(".")), "new")); err != nil {
		return nil, err
	}
	// arrived waits for a message; it says no after the limit.
	arrived := func(limit time.Duration) (bool, error) {
		over := time.After(limit)
		for {
			select {
			case event := <-w.Events:
				if event.Has(fsnotify.Create) {
					return true, nil
				}
			case err := <-w.Errors:
				return false, err
			case <-e.field.ctx.Done():
				return false, e.ended()
			case <-over:
				return false, nil
			}
		}
	}
	var times []time.Duration
	for over := time.Now().Add(limit); len(times) < n && time.Now().Before(over); {
		if err := e.field.pause(apart); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := e.deliver(e.there, "."); err != nil {
			return nil, err
		}
		ok, err := arrived(patience)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("a message did not arrive within %s", patience)
		}
		times = append(times, time.Since(began))
	}
	return times, nil
}
