//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// waiter is another's program that stays connected and brings mail as it comes.
type waiter interface {
	peer
	// waits is its command, and how far apart messages have to come.
	waits(*pair, time.Duration) (argv []string, apart time.Duration)
}

// waitedFor is how many messages a waiter gets, which takes seconds for each.
const waitedFor = 20

// waiting delivers messages while a waiter runs.
func (e *entrant) waiting(rtt time.Duration, w waiter) (times []time.Duration, r result, err error) {
	e.line.SetLatency(rtt / 2)
	r, err = e.repeated(1, func() (m measured, err error) {
		if e.owned != nil {
			if err := e.owned(); err != nil {
				return m, err
			}
		}
		argv, apart := w.waits(e.pair, rtt)
		cmd := command(e.field.ctx, argv[0], argv[1:]...)
		var said lines
		cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = e.env(), e.client, &said, &said
		if err := cmd.Start(); err != nil {
			return m, err
		}
		gone := make(chan error, 1)
		go func() { gone <- cmd.Wait() }()
		defer func() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // its group; it may have ended
			select {
			case <-gone:
			case <-time.After(patience / 4):
				_ = cmd.Cancel()
				<-gone
			}
			err = errors.Join(err, e.stopRemote())
		}()
		there, err := e.rests(gone)
		if err != nil {
			return m, fmt.Errorf("%w: %s", err, lastLine([]byte(said.String())))
		}
		turns := e.line.Turns()
		before, err := groupCPU(cmd.Process.Pid)
		if err != nil {
			return m, err
		}
		thereBefore, err := processCPU(there)
		if err != nil {
			return m, err
		}
		if times, err = e.deliveries(min(waitedFor, e.field.deliveries), apart, e.limit/2); err != nil {
			return m, err
		}
		m.turns = e.line.Turns() - turns
		m.there.CPU, err = processCPU(there)
		m.there.CPU -= thereBefore
		if err != nil {
			return m, err
		}
		m.here.CPU, err = groupCPU(cmd.Process.Pid)
		m.here.CPU -= before
		return m, errors.Join(err, e.field.pause(apart)) // the last is brought to its end
	})
	r.what += ", waiting"
	return times, r, err
}

// rests waits until the program at the server, whose process id it returns, has come
// up and then has had nothing to do for some time. It fails when the client's ends.
func (e *entrant) rests(gone <-chan error) (there int, err error) {
	const enough = 3 * time.Second
	var had time.Duration
	var since time.Time
	err = until(e.field.ctx, "it waits for mail", func() (bool, error) {
		select {
		case err := <-gone:
			return false, fmt.Errorf("it ended: %w", errors.Join(err, context.Canceled))
		default:
		}
		all, err := witnessed(e.noteThere)
		there = 0
		for _, u := range all {
			if !u.Done {
				there = u.Pid
			}
		}
		if err != nil || there == 0 {
			return false, err
		}
		cpu, err := processCPU(there)
		if err != nil {
			return false, nil // it ends; another may come
		}
		if cpu != had {
			had, since = cpu, time.Now()
		}
		return time.Since(since) > enough, nil
	})
	return there, err
}

// groupCPU is what the running processes of a group have had.
func groupCPU(group int) (sum time.Duration, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest) // state, parent, group, …
		if len(fields) < 3 || fields[2] != strconv.Itoa(group) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if err != nil {
			return 0, err
		}
		if had, err := processCPU(pid); err == nil {
			sum += had
		}
	}
	return sum, nil
}
