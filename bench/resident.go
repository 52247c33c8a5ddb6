//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"smd-applet/sync/synctest"
)

// loop is a running smd-loop and the agent it started at the server.
type loop struct {
	*home
	line       *synctest.Proxy
	cmd        *exec.Cmd
	agent      int // its process id
	said       strings.Builder
	hereBefore time.Duration // processor time at the last call of begin
	thereAt    time.Duration
	wireAt     int64
	turnsAt    int64
	began      time.Time
}

// withLoop runs smd-loop of the subject's client while f runs.
func (s *stage) withLoop(of subject, server string, f func(*loop) error) (err error) {
	h, err := s.homeOf(of)
	if err != nil {
		return err
	}
	if err := h.reach(server); err != nil {
		return err
	}
	l := &loop{home: h, line: s.proxy(server)}
	l.cmd = exec.Command(h.program, "loop")
	l.cmd.Env, l.cmd.Stdout, l.cmd.Stderr = h.env(), &l.said, &l.said
	if err := l.cmd.Start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.stop()) }()
	err = until("the loop has started its agent", func() (bool, error) {
		all, err := witnessed(s.noteThere)
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
	_, ended := ended(l.noteThere)
	return errors.Join(err, ended)
}

// sync has the loop sync, and waits for the end.
func (l *loop) sync() error {
	cmd := exec.Command(l.program, "sync")
	cmd.Env = l.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("smd-applet sync: %w: %s", err, out)
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
	m.here.Peak, errs[2] = memory(l.cmd.Process.Pid, "VmHWM")
	m.there.Peak, errs[3] = memory(l.agent, "VmHWM")
	return m, errors.Join(errs[:]...)
}

// memory is a size that /proc tells of a process, in bytes.
func memory(pid int, field string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); words[0] == field+":" {
			kB, err := strconv.ParseInt(words[1], 10, 64)
			return kB << 10, err
		}
	}
	return 0, fmt.Errorf("process %d tells no %s", pid, field)
}

// residents are the subjects that stay connected.
func (s *stage) residents() []subject {
	var list []subject
	for _, of := range s.subjects {
		if of.resident() {
			list = append(list, of)
		}
	}
	return list
}

// resident has a running loop sync where nothing changed.
func resident(s *stage) error {
	t := table{
		title: "Nothing to do, resident",
		note:  "`smd-applet sync` while smd-loop runs; per sync, of 20. Wall time includes the start of the command that asks.",
		head:  heading("what"),
	}
	const times = 20
	for _, of := range s.residents() {
		err := s.withLoop(of, near, func(l *loop) error {
			if err := l.begin(); err != nil {
				return err
			}
			for range times {
				if err := l.sync(); err != nil {
					return err
				}
			}
			m, err := l.end()
			if err != nil {
				return err
			}
			m.wall, m.here.CPU, m.there.CPU = m.wall/times, m.here.CPU/times, m.there.CPU/times
			m.wire, m.turns = m.wire/times, m.turns/times
			t.add(append([]string{of.name}, m.costs()...)...)
			return s.same(l.here)
		})
		if err != nil {
			return err
		}
	}
	s.report.show(t)
	return nil
}

// delivery measures from the moment a message lies in the server's new until it
// lies in the client's.
func delivery(s *stage) error {
	t := table{
		title: "From delivery at the server to the local new/",
		note:  fmt.Sprintf("smd-loop running, %d messages, one at a time.", s.deliveries),
		head:  []string{"line", "what", "median", "95th", "99th percentile", "slowest", "CPU here", "CPU there", "round trips"},
	}
	for _, server := range []string{near, far} {
		for _, of := range s.residents() {
			err := s.withLoop(of, server, func(l *loop) error {
				if err := l.begin(); err != nil {
					return err
				}
				times, err := l.deliver(s.deliveries)
				if err != nil {
					return err
				}
				m, err := l.end()
				if err != nil {
					return err
				}
				n := time.Duration(len(times))
				line := "loopback"
				if server == far {
					line = fmt.Sprintf("%s round trip", s.roundTrip)
				}
				t.add(line, of.name, seconds(quantile(times, 0.5)), seconds(quantile(times, 0.95)), seconds(quantile(times, 0.99)), seconds(quantile(times, 1)),
					seconds(m.here.CPU/n), seconds(m.there.CPU/n), fmt.Sprintf("%.1f", float64(m.turns)/float64(n)))
				if err := l.sync(); err != nil {
					return err
				}
				return s.same(l.here)
			})
			if err != nil {
				return err
			}
		}
	}
	s.report.show(t)
	return nil
}

// apart is the time between an arrival and the next delivery.
const apart = 150 * time.Millisecond

func (l *loop) deliver(n int) ([]time.Duration, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if err := w.Add(filepath.Join(l.here.Root, "new")); err != nil {
		return nil, err
	}
	var times []time.Duration
	for range n {
		<-time.After(apart) // mail does not come the moment another has
		message, err := l.there.Deliver(".")
		if err != nil {
			return nil, err
		}
		began := time.Now()
		limit := time.After(patience)
		for arrived := false; !arrived; {
			select {
			case e := <-w.Events:
				arrived = e.Has(fsnotify.Create) && filepath.Base(e.Name) == filepath.Base(message)
			case err := <-w.Errors:
				return nil, err
			case <-limit:
				return nil, fmt.Errorf("%s did not arrive within %s", message, patience)
			}
		}
		times = append(times, time.Since(began))
	}
	return times, nil
}

// flags sets flags here, moves moves at the server: neither has content to send.
func flags(s *stage) error {
	count := min(1000, s.messages/2)
	return s.change(table{
		title: fmt.Sprintf("%d flag changes", count),
		note:  "Made at the client. Resident: from the last change until `smd-applet sync` returns; else a push as a process of its own.",
	}, "push", func(h *home) error {
		return each(h.here, count, func(message string) error {
			flags := "FS"
			if strings.HasSuffix(message, ":2,FS") {
				flags = "S"
			}
			_, err := h.here.Flag(message, flags)
			return err
		})
	})
}

func moves(s *stage) error {
	count := min(10_000, s.messages/2)
	folder := 0
	return s.change(table{
		title: fmt.Sprintf("%d messages moved to another folder", count),
		note:  "At the server. Resident: from the last move until `smd-applet sync` returns; else a pull as a process of its own.",
	}, "pull", func(*home) error {
		folder++
		return each(s.there, count, func(message string) error {
			_, err := s.there.Move(message, fmt.Sprintf(".moved-%d", folder))
			return err
		})
	})
}

// each does something to so many messages of a mailbox.
func each(m *synctest.Mailbox, count int, f func(message string) error) error {
	all, err := m.Messages("")
	if err != nil {
		return err
	}
	for _, message := range all[:count] {
		if err := f(message); err != nil {
			return err
		}
	}
	return nil
}

// change makes a change and measures until both ends have it.
func (s *stage) change(t table, direction string, do func(*home) error) error {
	t.head = heading("how", "what")
	for _, of := range s.subjects {
		if of.resident() {
			var runs []measured
			err := s.withLoop(of, near, func(l *loop) error {
				for range s.repeat {
					if err := l.begin(); err != nil { // the loop works while changes are made
						return err
					}
					if err := do(l.home); err != nil {
						return err
					}
					l.began = time.Now()
					if err := l.sync(); err != nil {
						return err
					}
					m, err := l.end()
					if err != nil {
						return err
					}
					runs = append(runs, m)
					if err := s.same(l.here); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			t.add(append([]string{"resident", of.name}, median(runs).costs()...)...)
		}
		var runs []measured
		for range s.repeat {
			h, err := s.homeOf(of)
			if err != nil {
				return err
			}
			if err := do(h); err != nil {
				return err
			}
			m, err := h.bring(direction, s.near)
			if err != nil {
				return err
			}
			runs = append(runs, m)
			if err := s.same(h.here); err != nil {
				return err
			}
		}
		t.add(append([]string{"cold", of.name}, median(runs).costs()...)...)
	}
	s.report.show(t)
	return nil
}

// idle watches a loop and an agent that have nothing to do.
func idle(s *stage) error {
	t := table{
		title: "Idle",
		note:  fmt.Sprintf("smd-loop and its agent, in step, over %s.", s.idle),
		head:  []string{"what", "CPU here", "CPU there", "resident here", "resident there"},
	}
	for _, of := range s.residents() {
		err := s.withLoop(of, near, func(l *loop) error {
			const settles = 5 * time.Second // memory is given back late
			<-time.After(settles)
			if err := l.begin(); err != nil {
				return err
			}
			<-time.After(s.idle)
			m, err := l.end()
			if err != nil {
				return err
			}
			here, err := memory(l.cmd.Process.Pid, "VmRSS")
			if err != nil {
				return err
			}
			there, err := memory(l.agent, "VmRSS")
			if err != nil {
				return err
			}
			t.add(of.name, seconds(m.here.CPU), seconds(m.there.CPU), megabytes(here), megabytes(there))
			return s.same(l.here)
		})
		if err != nil {
			return err
		}
	}
	s.report.show(t)
	return nil
}
