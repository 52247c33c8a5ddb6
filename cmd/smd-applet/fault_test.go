package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"smd-applet/sync/synctest/steps"
)

// failures are the errors a file system has for each kind of step.
func failures(s steps.Step) []syscall.Errno {
	switch {
	case s.Sent():
		return nil
	case s.Call == "open" && s.Look:
		return []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EACCES, syscall.EIO, syscall.ESTALE}
	case s.Look:
		return []syscall.Errno{syscall.EIO, syscall.ESTALE}
	case s.Call == "open":
		return []syscall.Errno{syscall.EMFILE, syscall.ENOSPC, syscall.EACCES, syscall.EROFS, syscall.EIO}
	case s.Call == "write", s.Call == "fsync", s.Call == "syncfs", s.Call == "truncate":
		return []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT}
	}
	return []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EACCES, syscall.ESTALE} // of names
}

// mishap is a step that fails.
type mishap struct {
	end, step int
	errno     syscall.Errno
	lasting   bool
	what      steps.Step // in the run nothing failed in
}

func (m mishap) String() string {
	last := ""
	if m.lasting {
		last = " and all that follow"
	}
	return fmt.Sprintf("%s step %d%s %d", [...]string{"client", "server"}[m.end], m.step, last, m.errno)
}

// mishapSample is how many of each session are tried, unless SMD_APPLET_CRASH asks
// for each nth of them: 1 is all.
const mishapSample = 2

// bugs matches what no person is to read.
var bugs = regexp.MustCompile(`panic|goroutine \d|report it|internal error|bug`)

// Whatever call fails at whatever end, by whatever error: the run ends with a word
// for a person, or does without; nothing is lost, and the next runs put it right.
func TestFaultMatrix(t *testing.T) {
	t.Parallel()
	eachSession(t, mishaps)
}

func mishaps(t *testing.T, c *crashSession) {
	s := newStage(t, filepath.Join(t.TempDir(), "whole"), c.dialect)
	c.prepare(s)
	orders := map[int]*steps.Order{here: {Looks: s.homes[here]}, there: {Looks: s.homes[there]}}
	if out, err := s.step(orders, c.program...); err != nil || out != "" {
		t.Fatalf("the run nothing fails in: %v: %s", err, out)
	}
	var all, tries []mishap
	for end := range s.homes {
		trace, err := orders[end].Read()
		if err != nil {
			t.Fatal(err)
		}
		for i, step := range trace {
			for _, errno := range failures(step) {
				all = append(all, mishap{end, i + 1, errno, false, step}, mishap{end, i + 1, errno, true, step})
			}
			if i > 1 && slices.ContainsFunc(trace[i-2:i], isCommit) && len(failures(step)) > 0 {
				tries = append(tries, mishap{end, i + 1, syscall.EIO, false, step})
			}
		}
	}
	s.well(c.settled())
	want := s.atRest()
	nth := len(all) / mishapSample
	if n, err := strconv.Atoi(os.Getenv("SMD_APPLET_CRASH")); err == nil {
		nth = n
	}
	nth |= 1 // once and lasting take turns
	tried, ended := 0, 0
	for i := nth / 2; i < len(all); i += nth {
		tries = append(tries, all[i])
	}
	for _, m := range tries {
		t.Run(m.String(), func(t *testing.T) {
			s := newStage(t, filepath.Join(t.TempDir(), "w"), c.dialect)
			c.prepare(s)
			failed, happened := s.mishap(m, c.program)
			if happened {
				tried++
			}
			if failed {
				ended++
			}
			s.recovers(c, want)
		})
	}
	t.Attr("cases", strconv.Itoa(tried))
	t.Logf("ways to fail: %d; tried: %d, the run ended by it: %d", len(all), tried, ended)
}

// isCommit reports whether by a step an end of smd 1.3 has the new state: when the
// next one fails the other end must not go back to the old one.
func isCommit(s steps.Step) bool {
	return strings.HasPrefix(s.Call, "rename") && strings.HasSuffix(s.To, ".db.txt")
}

// mishap runs a program with a step that fails, and reports whether the program
// failed by it, and whether it came to that.
func (s *stage) mishap(m mishap, program []string) (failed, happened bool) {
	s.t.Helper()
	o := &steps.Order{Looks: s.homes[m.end], Fail: m.step, Errno: int(m.errno), Lasting: m.lasting}
	out, err := s.step(map[int]*steps.Order{m.end: o}, program...)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	if exit != nil && out == "" {
		s.t.Errorf("it failed and said nothing")
	}
	if bug := bugs.FindString(out); bug != "" {
		s.t.Errorf("it says %q: %s", bug, out)
	}
	trace, err := o.Read()
	if err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	if len(trace) >= m.step {
		s.t.Logf("failed with %s: %s\n%s", m.errno, trace[m.step-1], out)
	}
	return exit != nil, len(trace) >= m.step
}
