//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	stdsync "sync"
	"syscall"
	"time"
)

// loop is a running smd-loop and the agent it started at the server.
type loop struct {
	*entrant
	program    string
	cmd        *exec.Cmd
	agent      int // its process id
	said       lines
	hereBefore time.Duration // processor time at the last call of begin
	thereAt    time.Duration
	wireAt     int64
	turnsAt    int64
	began      time.Time
}

// lines is what a running program said.
type lines struct {
	mu   stdsync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// looped measures a thing up to so many times while smd-loop runs.
func (e *entrant) looped(rtt time.Duration, times int, do func(*loop) (measured, error)) (r result, err error) {
	var failed error
	err = e.withLoop(rtt, func(l *loop) error {
		r, failed = e.repeated(times, func() (measured, error) { return do(l) })
		return failed
	})
	if failed != nil || e.ended() != nil {
		return r, errors.Join(failed, e.ended())
	}
	if err != nil {
		r.verdict, r.failed = e.fail(err), true
	}
	r.what = e.name() + ", resident"
	return r, nil
}

// withLoop runs smd-loop of the peer's client while f runs.
func (e *entrant) withLoop(rtt time.Duration, f func(*loop) error) (err error) {
	e.line.SetLatency(rtt / 2)
	l := &loop{entrant: e, program: e.resident().program}
	// It gets no signal with this one, and ends on its own.
	l.cmd = command(context.WithoutCancel(e.field.ctx), l.program, "loop")
	l.cmd.Env, l.cmd.Stdout, l.cmd.Stderr = e.env(), &l.said, &l.said
	if err := l.cmd.Start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.stop()) }()
	err = until(e.field.ctx, "the loop has started its agent", func() (bool, error) {
		all, err := witnessed(e.noteThere)
		for _, u := range all {
			if !u.Done {
				l.agent = u.Pid
			}
		}
		return l.agent != 0, err
	})
	if err != nil {
		return err
	}
	for range 2 { // the first may join the run the loop begins with
		if err := l.sync(); err != nil {
			return err
		}
	}
	return f(l)
}

func (l *loop) stop() error {
	err := l.cmd.Process.Signal(syscall.SIGTERM)
	if waited := l.cmd.Wait(); waited != nil {
		err = errors.Join(err, fmt.Errorf("the loop: %w: %s", waited, l.said.String()))
	}
	// The bench may be over, and still waits for what it began.
	_, ended := ended(context.WithoutCancel(l.field.ctx), l.noteThere)
	return errors.Join(err, ended)
}

// sync has the loop sync, and waits for the end.
func (l *loop) sync() error {
	ctx, stop := context.WithTimeout(l.field.ctx, l.limit)
	defer stop()
	cmd := command(ctx, l.program, "sync")
	cmd.Env = l.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("smd-applet sync: %w: %s", err, lastLine(out))
	}
	return nil
}

// begin notes where the figures stand.
func (l *loop) begin() (err error) {
	l.began = time.Now()
	l.wireAt, l.turnsAt = l.line.BytesUp()+l.line.BytesDown(), l.line.Turns()
	var failed error
	l.hereBefore, err = processCPU(l.cmd.Process.Pid)
	l.thereAt, failed = processCPU(l.agent)
	return errors.Join(err, failed)
}

// end returns what was needed since begin. Peaks are those of the process's life.
func (l *loop) end() (m measured, err error) {
	m.wall = time.Since(l.began)
	m.wire, m.turns = l.line.BytesUp()+l.line.BytesDown()-l.wireAt, l.line.Turns()-l.turnsAt
	var errs [4]error
	m.here.CPU, errs[0] = processCPU(l.cmd.Process.Pid)
	m.there.CPU, errs[1] = processCPU(l.agent)
	m.here.CPU -= l.hereBefore
	m.there.CPU -= l.thereAt
	m.here.Peak, errs[2] = memory(l.cmd.Process.Pid, "status", "VmHWM")
	m.there.Peak, errs[3] = memory(l.agent, "status", "VmHWM")
	return m, errors.Join(errs[:]...)
}
