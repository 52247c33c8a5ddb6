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
	t := f.table("delivery", "From delivery at the server to the local new/",
		fmt.Sprintf("%d messages, one at a time, while smd-loop runs. rsync, unison, mbsync and muchsync wait for nothing by themselves: with them a message comes at the next run. OfflineIMAP can wait (IDLE), but did not through ssh, and is left out.", f.deliveries),
		"line", "what", "messages", "median", "95th", "99th percentile", "slowest", "CPU here", "CPU there", "round trips", "mail")
	for _, rtt := range slices.Compact([]time.Duration{f.rtts[0], f.rtts[len(f.rtts)-1]}) {
		for _, e := range f.entrants {
			if e.resident() == nil {
				continue
			}
			ok, err := e.ready(t, pull, lineOf(rtt))
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			var times []time.Duration
			r, err := e.looped(rtt, 1, func(l *loop) (measured, error) {
				if err := l.begin(); err != nil {
					return measured{}, err
				}
				var err error
				if times, err = e.deliveries(f.deliveries); err != nil {
					return measured{}, err
				}
				m, err := l.end()
				if err != nil {
					return m, err
				}
				return m, l.sync()
			})
			if err != nil {
				return err
			}
			if r.failed || len(times) == 0 {
				t.without(r.verdict, lineOf(rtt), r.what)
				continue
			}
			n := len(times)
			t.add(lineOf(rtt), r.what, fmt.Sprint(n), seconds(quantile(times, 0.5)), seconds(quantile(times, 0.95)), seconds(quantile(times, 0.99)), seconds(quantile(times, 1)),
				seconds(r.here.CPU/time.Duration(n)), seconds(r.there.CPU/time.Duration(n)), fmt.Sprintf("%.1f", float64(r.turns)/float64(n)), r.verdict)
			for _, part := range []struct {
				of   float64
				name string
			}{{0.5, "median"}, {0.95, "95th"}, {0.99, "99th percentile"}} {
				t.bars = append(t.bars, bar{lineOf(rtt) + ", " + part.name, r.what, quantile(times, part.of)})
			}
		}
	}
	f.show(t)
	return nil
}

// apart is the time between an arrival and the next delivery: mail does not come
// the moment another has.
const apart = 50 * time.Millisecond

// deliveries delivers messages one at a time, and returns how long each was on its
// way, its writing at the server included. It ends when the time is over, too.
func (e *entrant) deliveries(n int) ([]time.Duration, error) {
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
	for over := time.Now().Add(e.limit); len(times) < n && time.Now().Before(over); {
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
