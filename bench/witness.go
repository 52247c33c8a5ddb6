//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// asWitness is the first argument of a bench that only runs another program and
// writes down what that needed: the directory to write to and the program follow.
// A program's peak memory counts that of its parent before it became itself, so
// that the parent has to be small.
const asWitness = "witness"

// throughPipes is the first argument of a witness that gives the program pipes: some
// (Dovecot's imap) take the socket that sshd gives for another kind of caller.
const throughPipes = "witness-through-pipes"

// use is what a program and those it started needed.
type use struct {
	Pid   int           // of the program
	Done  bool          // the figures below are there
	CPU   time.Duration // user and system
	Peak  int64         // resident bytes, of the largest process
	Reads int64         // calls that read, from files and from lines (/proc/PID/io)
}

func bearWitness(pipes bool, dir string, argv []string) int {
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	if _, err := os.Stat(traceWanted(dir)); err == nil {
		argv = traced(dir, argv)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if pipes {
		// The caller may hold the line open when the program has ended: what reads it
		// ends with this process.
		cmd.Stdin, cmd.Stdout = nil, struct{ io.Writer }{os.Stdout}
		in, err := cmd.StdinPipe()
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			return 127
		}
		go func() {
			_, _ = io.Copy(in, os.Stdin) // the program ends before its caller does
			in.Close()
		}()
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 127
	}
	file := filepath.Join(dir, strconv.Itoa(os.Getpid()))
	u := use{Pid: cmd.Process.Pid}
	failed := u.write(file)
	if !pipes {
		// What is passed on would otherwise stay open here and hide the program's end.
		os.Stdin.Close()
		os.Stdout.Close()
	}
	u.Reads = readsAtEnd(u.Pid)
	_ = cmd.Wait() // its status is passed on
	u.Done = true
	u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	u.Peak = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	if err := errors.Join(failed, u.write(file)); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	if status := cmd.ProcessState.ExitCode(); status >= 0 {
		return status
	}
	return 1 // by a signal
}

// readsAtEnd waits for the end of a process and counts what it and those it waited
// for have read; 0 where the system does not tell.
func readsAtEnd(pid int) int64 {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	for line := range strings.Lines(string(text)) {
		if number, ok := strings.CutPrefix(line, "syscr: "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
			return n
		}
	}
	return 0
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
func ended(ctx context.Context, dir string) (use, error) {
	var sum use
	err := until(ctx, "the programs at "+dir+" have ended", func() (bool, error) {
		all, err := witnessed(dir)
		sum = use{Done: true}
		for _, u := range all {
			if !u.Done {
				return false, err
			}
			sum.CPU += u.CPU
			sum.Reads += u.Reads
			sum.Peak = max(sum.Peak, u.Peak)
		}
		return true, err
	})
	return sum, errors.Join(err, os.RemoveAll(dir), os.Mkdir(dir, 0o700))
}

// patience is how long anything may take that should be there soon.
const patience = time.Minute

// until asks again and again until done says so.
func until(ctx context.Context, what string, done func() (bool, error)) error {
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
		case <-ctx.Done():
			return ctx.Err()
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

// memory is a size that /proc tells of a process, in bytes: file is status or
// smaps_rollup.
func memory(pid int, file, field string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == field+":" {
			kB, err := strconv.ParseInt(words[1], 10, 64)
			return kB << 10, err
		}
	}
	return 0, fmt.Errorf("process %d tells no %s", pid, field)
}
