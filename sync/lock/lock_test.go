//go:build unix

package lock_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	stdsync "sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"smd-applet/sync/fault"
	"smd-applet/sync/lock"
)

// holderHome, when set, makes the test binary a process that holds every lock
// below that home until its standard input ends.
const holderHome = "SMD_TEST_HOLDER_HOME"

func TestMain(m *testing.M) {
	if home := os.Getenv(holderHome); home != "" {
		if err := hold(home); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func hold(home string) error {
	_, err := lock.Acquire(context.Background(), home, 0, "Mail")
	if err == nil {
		_, err = lock.Stock(home)
	}
	if err == nil {
		_, _, err = lock.Loop(home)
	}
	if err != nil {
		return err
	}
	fmt.Println("held")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// startHolder starts another process that holds all locks below home.
func startHolder(t *testing.T, home string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	holder := exec.Command(program)
	holder.Env = append(os.Environ(), holderHome+"="+home)
	if _, err := holder.StdinPipe(); err != nil { // never written to
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(holder) })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	return holder
}

// kill ends the process as a crash does, and waits until it is gone.
func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // both may have happened before
	_ = cmd.Wait()
}

// makeHome makes a home with an empty ~/.smd.
func makeHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".smd"), 0o700); err != nil {
		t.Fatal(err)
	}
	return home
}

func acquire(t *testing.T, home string, names ...string) *lock.Lock {
	t.Helper()
	l, err := lock.Acquire(t.Context(), home, 0, names...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeLock(t, l) })
	return l
}

func closeLock(t *testing.T, l *lock.Lock) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestAcquireExcludes(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	first := acquire(t, home, "Mail")
	if _, err := lock.Acquire(t.Context(), home, 0, "Mail"); !fault.Is(err, fault.Locked) {
		t.Errorf("%v, want a failure of kind %s", err, fault.Locked)
	} else if f := fault.As(err); f.Path != "Mail" || !strings.Contains(f.WayOut(), "wait") || !f.Avoidable() {
		t.Errorf("about %q, way out %q, avoidable %v", f.Path, f.WayOut(), f.Avoidable())
	}
	closeLock(t, first)
	closeLock(t, first) // once more does no harm
	acquire(t, home, "Mail")
}

// TestAcquireAllOrNone: a run that does not get all its locks keeps none.
func TestAcquireAllOrNone(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	acquire(t, home, "b")
	_, err := lock.Acquire(t.Context(), home, 0, "a", "b", "c")
	if !fault.Is(err, fault.Locked) || fault.As(err).Path != "b" {
		t.Fatalf("%v, want a failure of kind %s about b", err, fault.Locked)
	}
	acquire(t, home, "a", "c")
}

// TestNamesAreKeptApart: no two names share a lock, nor two homes a name.
func TestNamesAreKeptApart(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	acquire(t, home, "Mail", "Mail2", "mail", "Mail/x", "Mail%2Fx", "Mail%252Fx", "Mail%x", "../../x", "..", ".", "work__Mail.db.txt")
	acquire(t, t.TempDir(), "Mail")

	locks, err := os.ReadDir(filepath.Join(home, ".smd", "locks"))
	if err != nil {
		t.Fatal(err)
	}
	if len(locks) != 11 {
		t.Errorf("%d files for 11 names: %v", len(locks), locks)
	}
}

func TestLocksAreTheUsersAlone(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	acquire(t, home, "Mail")
	for path, want := range map[string]fs.FileMode{
		".smd/locks": fs.ModeDir | 0o700, ".smd/locks/Mail.lock": 0o600,
	} {
		if st, err := os.Stat(filepath.Join(home, path)); err != nil || st.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", path, st, err, want)
		}
	}
}

func TestAcquireWaits(t *testing.T) {
	t.Parallel()
	const wait = 10 * time.Second
	for name, c := range map[string]struct {
		freedAfter time.Duration // 0: never
		min, max   time.Duration
		locked     bool
	}{
		"until it is free": {freedAfter: 3 * time.Second, min: 3 * time.Second, max: 4 * time.Second},
		"but not for ever": {min: wait, max: wait, locked: true},
		"and not longer":   {freedAfter: wait + time.Second, min: wait, max: wait, locked: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				first, err := lock.Acquire(t.Context(), home, 0, "Mail")
				if err != nil {
					t.Fatal(err)
				}
				free := stdsync.OnceFunc(func() { closeLock(t, first) })
				defer free()
				if c.freedAfter > 0 {
					defer time.AfterFunc(c.freedAfter, free).Stop()
				}
				start := time.Now()
				second, err := lock.Acquire(t.Context(), home, wait, "Mail")
				if took := time.Since(start); took < c.min || took > c.max {
					t.Errorf("it took %v, want %v to %v", took, c.min, c.max)
				}
				switch {
				case c.locked && !fault.Is(err, fault.Locked):
					t.Errorf("%v, want a failure of kind %s", err, fault.Locked)
				case !c.locked && err != nil:
					t.Error(err)
				case !c.locked:
					closeLock(t, second)
				}
			})
		})
	}
}

// TestAcquireEndsWithContext: a run that is called off does not wait on.
func TestAcquireEndsWithContext(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		first, err := lock.Acquire(t.Context(), home, 0, "Mail")
		if err != nil {
			t.Fatal(err)
		}
		defer closeLock(t, first)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		if _, err := lock.Acquire(ctx, home, time.Hour, "Mail"); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want %v", err, context.Canceled)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// TestLocksEndWithTheirProcess: after a crash the next run needs no help.
func TestLocksEndWithTheirProcess(t *testing.T) {
	t.Parallel()
	home := makeHome(t)
	holder := startHolder(t, home)
	pid := holder.Process.Pid
	loopFile := filepath.Join(home, ".smd", "loop.lock")
	stockFile := filepath.Join(home, ".smd", "lock")

	if _, err := lock.Acquire(t.Context(), home, 0, "Mail"); !fault.Is(err, fault.Locked) {
		t.Errorf("Acquire: %v, want a failure of kind %s", err, fault.Locked)
	}
	_, err := lock.Stock(home)
	if !fault.Is(err, fault.Locked) || !strings.Contains(err.Error(), strconv.Itoa(pid)) {
		t.Errorf("Stock: %v, want a failure of kind %s that names process %d", err, fault.Locked, pid)
	} else if way := fault.As(err).WayOut(); !strings.Contains(way, stockFile) || !strings.Contains(way, strconv.Itoa(pid)) {
		t.Errorf("Stock: the way out %q does not name %s and %d", way, stockFile, pid)
	}
	_, owner, err := lock.Loop(home)
	if !fault.Is(err, fault.Locked) || owner != pid || !strings.Contains(err.Error(), loopFile) {
		t.Errorf("Loop: %d, %v; want %d and a failure of kind %s about %s", owner, err, pid, fault.Locked, loopFile)
	}
	for _, file := range []string{loopFile, stockFile} {
		if got, err := lock.Owner(file); err != nil || got != pid {
			t.Errorf("after being refused, %s names %d, %v; want %d", file, got, err, pid)
		}
	}

	kill(holder)
	acquire(t, home, "Mail")
	stock, err := lock.Stock(home)
	if err != nil {
		t.Fatal(err)
	}
	closeLock(t, stock)
	loop, owner, err := lock.Loop(home)
	if err != nil || owner != os.Getpid() {
		t.Fatalf("Loop: %d, %v", owner, err)
	}
	if got, err := lock.Owner(loopFile); err != nil || got != os.Getpid() {
		t.Errorf("%s names %d, %v", loopFile, got, err)
	}
	closeLock(t, loop)
}

// deadPid is the id of a process that has ended.
func deadPid(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(cmd.Process.Pid)
}

// TestStockIgnores what in ~/.smd/lock names no living other process.
func TestStockIgnores(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"a dead owner":         deadPid(t) + "\n",
		"a dead owner, no end": deadPid(t),
		"this process":         strconv.Itoa(os.Getpid()) + "\n",
		"nothing":              "",
		"no number":            "smd-pull\n",
		"init":                 "1\n",
		"all processes":        "-1\n",
		"a process group":      "0\n",
		"more than a number":   strconv.Itoa(os.Getppid()) + " smd-loop\n",
		"beyond numbers":       "99999999999999999999\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := makeHome(t)
			file := filepath.Join(home, ".smd", "lock")
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			l, err := lock.Stock(home)
			if err != nil {
				t.Fatal(err)
			}
			if pid, err := lock.Owner(file); err != nil || pid != os.Getpid() {
				t.Errorf("the file names %d, %v", pid, err)
			}
			closeLock(t, l)
			if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the file stays: %v", err)
			}
		})
	}
}

// TestStockIsOnePerProcess: runs of this process overlap, and the last to end
// gives the file up.
func TestStockIsOnePerProcess(t *testing.T) {
	t.Parallel()
	home := makeHome(t)
	file := filepath.Join(home, ".smd", "lock")
	var held []*lock.Lock
	for range 3 {
		l, err := lock.Stock(home)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, l)
	}
	for i, l := range held {
		if pid, err := lock.Owner(file); err != nil || pid != os.Getpid() {
			t.Errorf("with %d left the file names %d, %v", len(held)-i, pid, err)
		}
		closeLock(t, l)
		closeLock(t, l) // must not count twice
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file stays: %v", err)
	}
}

// TestStockLeavesAnothers: a file another process took meanwhile is not ours to
// remove.
func TestStockLeavesAnothers(t *testing.T) {
	t.Parallel()
	home := makeHome(t)
	file := filepath.Join(home, ".smd", "lock")
	l, err := lock.Stock(home)
	if err != nil {
		t.Fatal(err)
	}
	other := deadPid(t) + "\n"
	if err := os.WriteFile(file, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	closeLock(t, l)
	if got, err := os.ReadFile(file); err != nil || string(got) != other {
		t.Errorf("%q, %v; want %q", got, err, other)
	}
}

// TestLoopIsOnePerHome, within one process too.
func TestLoopIsOnePerHome(t *testing.T) {
	t.Parallel()
	home := makeHome(t)
	l, pid, err := lock.Loop(home)
	if err != nil || pid != os.Getpid() {
		t.Fatalf("%d, %v", pid, err)
	}
	if _, pid, err := lock.Loop(home); !fault.Is(err, fault.Locked) || pid != os.Getpid() {
		t.Errorf("%d, %v; want this process and a failure of kind %s", pid, err, fault.Locked)
	}
	closeLock(t, l)
	l, _, err = lock.Loop(home)
	if err != nil {
		t.Fatal(err)
	}
	closeLock(t, l)
}

// TestFreeOnceClosed: a program that is just being started has the files of this one
// for a moment, and with them no lock that was given back.
func TestFreeOnceClosed(t *testing.T) {
	t.Parallel()
	home := makeHome(t)
	done := make(chan struct{})
	var starts errgroup.Group
	starts.Go(func() error {
		for {
			select {
			case <-done:
				return nil
			default:
			}
			if err := exec.CommandContext(t.Context(), "true").Run(); err != nil {
				return err
			}
		}
	})
	for range 5000 {
		l, err := lock.Acquire(t.Context(), home, 0, "one")
		if err != nil {
			t.Error(err)
			break
		}
		closeLock(t, l)
	}
	close(done)
	if err := starts.Wait(); err != nil {
		t.Fatal(err)
	}
}

// TestOtherFailures are not told as another run's.
func TestOtherFailures(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, err error, path string) {
		t.Helper()
		if !fault.Is(err, fault.Permission) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v, want a failure of kind %s about %s", err, fault.Permission, path)
		}
	}
	t.Run("~/.smd is a file", func(t *testing.T) {
		t.Parallel()
		home := t.TempDir()
		smd := filepath.Join(home, ".smd")
		if err := os.WriteFile(smd, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := lock.Acquire(t.Context(), home, 0, "Mail")
		check(t, err, smd)
		_, err = lock.Stock(home)
		check(t, err, smd)
		_, _, err = lock.Loop(home)
		check(t, err, smd)
	})
	t.Run("the files are directories", func(t *testing.T) {
		t.Parallel()
		home := t.TempDir()
		for _, file := range []string{"lock", "loop.lock"} {
			if err := os.MkdirAll(filepath.Join(home, ".smd", file), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		_, err := lock.Stock(home)
		check(t, err, filepath.Join(home, ".smd", "lock"))
		_, _, err = lock.Loop(home)
		check(t, err, filepath.Join(home, ".smd", "loop.lock"))
		// A loop that fails so late has given its kernel lock up.
		if err := os.Remove(filepath.Join(home, ".smd", "loop.lock")); err != nil {
			t.Fatal(err)
		}
		l, _, err := lock.Loop(home)
		if err != nil {
			t.Fatal(err)
		}
		closeLock(t, l)
	})
}

// TestNotHad: whoever is called off while waiting is told that it is locked.
func TestNotHad(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	held, err := lock.Acquire(t.Context(), home, 0, "Mail")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lock.Acquire(ctx, home, time.Second, "Mail"); !fault.Is(err, fault.Locked) {
		t.Errorf("%v, kind %s", err, fault.As(err).Kind)
	}
}

func TestLongName(t *testing.T) {
	t.Parallel()
	home, deep := t.TempDir(), strings.Repeat("abcdefgh/", 30)
	held, err := lock.Acquire(t.Context(), home, 0, deep+"x")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, err := lock.Acquire(t.Context(), home, 0, deep+"x"); !fault.Is(err, fault.Locked) {
		t.Errorf("locked twice: %v", err)
	}
	other, err := lock.Acquire(t.Context(), home, 0, deep+"y")
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
}
