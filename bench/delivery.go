//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// pusher is a peer that can wait for the server's word, by a command that goes on.
type pusher interface {
	waiting(*pair) ([]string, error)
}

// delivery measures from the moment a message lies in the server's new until it
// lies in the client's.
func delivery(f *field) error {
	t := f.table("delivery", "From delivery at the server to the local new/",
		fmt.Sprintf("%d messages, one at a time, while smd-loop runs, or the peer's own way to wait (OfflineIMAP: IDLE). For a peer that was slower than %s in all it is as many as it took in. rsync, unison, mbsync and muchsync wait for nothing by themselves: with them a message comes at the next run.", f.deliveries, f.limit),
		"line", "what", "messages", "median", "95th", "99th percentile", "slowest", "CPU here", "CPU there", "round trips", "mail")
	for _, rtt := range slices.Compact([]time.Duration{f.rtts[0], f.rtts[len(f.rtts)-1]}) {
		for _, e := range f.entrants {
			push, waits := e.peer.(pusher)
			if !waits && e.resident() == nil {
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
			receive := func() error {
				times, err = e.deliveries(f.deliveries)
				return err
			}
			var r result
			if waits {
				r, err = e.repeated(1, func() (measured, error) { return measured{}, e.whileWaiting(push, rtt, receive) })
			} else {
				r, err = e.looped(rtt, 1, func(l *loop) (measured, error) {
					if err := l.begin(); err != nil {
						return measured{}, err
					}
					if err := receive(); err != nil {
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
			cells := []string{lineOf(rtt), r.what, fmt.Sprint(n), seconds(quantile(times, 0.5)), seconds(quantile(times, 0.95)), seconds(quantile(times, 0.99)), seconds(quantile(times, 1))}
			if e.resident() != nil {
				cells = append(cells, seconds(r.here.CPU/time.Duration(n)), seconds(r.there.CPU/time.Duration(n)), fmt.Sprintf("%.1f", float64(r.turns)/float64(n)))
			} else {
				cells = append(cells, "", "", "")
			}
			t.add(append(cells, r.verdict)...)
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

// whileWaiting runs a peer's own waiting program while f runs.
func (e *entrant) whileWaiting(push pusher, rtt time.Duration, f func() error) error {
	e.line.SetLatency(rtt / 2)
	argv, err := push.waiting(e.pair)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(e.field.ctx)
	cmd := command(ctx, argv[0], argv[1:]...)
	cmd.Env = e.env()
	if err := cmd.Start(); err != nil {
		stop()
		return err
	}
	err = f()
	stop()
	_ = cmd.Wait() // it was killed
	if stopped := e.stopRemote(); err == nil {
		err = stopped
	}
	if err != nil {
		return err
	}
	_, err = e.bring(e.peer, pull)
	return err
}

// apart is the time between an arrival and the next delivery: mail does not come
// the moment another has.
const apart = 50 * time.Millisecond

// deliveries delivers messages one at a time, and returns how long each was on its
// way; the first is not counted. It ends when the time is over, too.
func (e *entrant) deliveries(n int) ([]time.Duration, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if err := w.Add(filepath.Join(e.here.Path(e.inFolder(".")), "new")); err != nil {
		return nil, err
	}
	var times []time.Duration
	over := time.After(e.limit)
	for i := range n + 1 {
		select {
		case <-time.After(apart):
		case <-over:
			return times, nil
		case <-e.field.ctx.Done():
			return nil, e.ended()
		}
		if err := e.deliver(e.there, "."); err != nil {
			return nil, err
		}
		began := time.Now()
		limit := time.After(patience)
		for arrived := false; !arrived; {
			select {
			case event := <-w.Events:
				arrived = event.Has(fsnotify.Create)
			case err := <-w.Errors:
				return nil, err
			case <-e.field.ctx.Done():
				return nil, e.ended()
			case <-limit:
				return nil, fmt.Errorf("a message did not arrive within %s", patience)
			}
		}
		if i > 0 {
			times = append(times, time.Since(began))
		}
	}
	return times, nil
}
