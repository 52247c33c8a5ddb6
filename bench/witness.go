//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// asWitness is the first argument of a bench that only runs another program and
// writes down what that needed: the directory to write to and the program follow.
// A program's peak memory counts that of its parent before it became itself, so
// that the parent has to be small.
const asWitness = "witness"

// use is what a program and those it started needed.
type use struct {
	Pid  int           // of the program
	Done bool          // the figures below are there
	CPU  time.Duration // user and system
	Peak int64         // resident bytes, of the largest process
}

func bearWitness(dir string, argv []string) int {
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 127
	}
	file := filepath.Join(dir, strconv.Itoa(os.Getpid()))
	u := use{Pid: cmd.Process.Pid}
	failed := u.write(file)
	// What is passed on would otherwise stay open here and hide the program's end.
	os.Stdin.Close()
	os.Stdout.Close()
	_ = cmd.Wait() // its status is passed on
	u.Done = true
	u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	u.Peak = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	if err := errors.Join(failed, u.write(file)); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

// write replaces the file at once: it is read meanwhile.
func (u use) write(file string) error {
	text, err := json.Marshal(u)
	if err != nil {
		return err
	}
	temp := file + ".part"
	return errors.Join(os.WriteFile(temp, text, 0o600), os.Rename(temp, file))
}

// witnessed are the programs a directory tells of.
func witnessed(dir string) ([]use, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*[0-9]"))
	if err != nil {
		return nil, err
	}
	var all []use
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var u use
		if err := json.Unmarshal(text, &u); err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, nil
}

// ended waits for the end of all programs a directory tells of, adds them up and
// forgets them.
func ended(dir string) (use, error) {
	var sum use
	err := until("the programs at "+dir+" have ended", func() (bool, error) {
		all, err := witnessed(dir)
		sum = use{Done: true}
		for _, u := range all {
			if !u.Done {
				return false, err
			}
			sum.CPU += u.CPU
			sum.Peak = max(sum.Peak, u.Peak)
		}
		return true, err
	})
	if err != nil {
		return sum, err
	}
	return sum, errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700))
}

// patience is how long anything may take that should be there soon.
const patience = time.Minute

// until asks again and again until done says so.
func until(what string, done func() (bool, error)) error {
	limit := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-limit:
			return fmt.Errorf("waited %s in vain until %s", patience, what)
		}
	}
}

// processCPU is the processor time a running process has had, to the nanosecond
// (clock_getcpuclockid(3)).
func processCPU(pid int) (time.Duration, error) {
	const scheduled = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &t); err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}
