//go:build linux

package main

import (
	"fmt"
	"time"
)

// idle watches a loop and an agent that have nothing to do.
func idle(f *field) error {
	t := f.table("idle", "Idle", fmt.Sprintf("smd-loop and its agent, in step, over %s.", f.idle),
		"what", "CPU here", "CPU there", "resident here", "resident there", "mail")
	for _, e := range f.entrants {
		if e.resident() == nil {
			continue
		}
		ok, err := e.ready(t, pull, 0)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		var here, there int64
		r, err := e.looped(0, 1, func(l *loop) (m measured, err error) {
			const settles = 5 * time.Second // memory is given back late
			if err := f.pause(settles); err != nil {
				return m, err
			}
			if err := l.begin(); err != nil {
				return m, err
			}
			if err := f.pause(f.idle); err != nil {
				return m, err
			}
			if m, err = l.end(); err != nil {
				return m, err
			}
			if here, err = memory(l.cmd.Process.Pid, "status", "VmRSS"); err != nil {
				return m, err
			}
			there, err = memory(l.agent, "status", "VmRSS")
			return m, err
		})
		if err != nil {
			return err
		}
		if r.failed {
			t.without(r.verdict, r.what)
			continue
		}
		t.add(r.what, seconds(r.here.CPU), seconds(r.there.CPU), megabytes(here), megabytes(there), r.verdict)
	}
	f.show(t)
	return nil
}

// pause lets time pass.
func (s *stage) pause(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}
