// Package lock keeps runs apart: one run a pair of mailboxes, one writer a
// mailbox (design, safety rule 5).
//
// The locks are kernel locks (flock) on files in ~/.smd/locks, so they end with
// the process that holds them, however it ends. ~/.smd/lock with a process id in
// it, which stock SMD programs take, is honoured and taken as well.
package lock

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	stdsync "sync"
	"time"

	"golang.org/x/sys/unix"

	"smd-applet/sync/fault"
)

// Lock is a lock that is held.
type Lock struct{ release []func() error }

// Close gives the lock up.
func (l *Lock) Close() error {
	var errs []error
	for i := len(l.release) - 1; i >= 0; i-- {
		errs = append(errs, l.release[i]())
	}
	l.release = nil
	return errors.Join(errs...)
}

// retryEvery is how often a taken lock is tried again.
const retryEvery = 50 * time.Millisecond

// Acquire takes the locks of the given names (a pair's db-file, mailbox roots),
// in that order, and waits up to wait for each. A lock not had is an error of
// kind [fault.Locked], and leaves nothing behind.
func Acquire(ctx context.Context, home string, wait time.Duration, names ...string) (*Lock, error) {
	l := &Lock{}
	for _, name := range names {
		f, err := openLock(locksDir(home), fileName(name))
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		l.release = append(l.release, func() error { return free(f) })
		ok, err := try(ctx, f, wait)
		if ok {
			continue
		}
		cause := errors.New("another run has it")
		kind := fault.Locked
		switch {
		case ctx.Err() != nil:
			cause = ctx.Err()
		case err != nil:
			kind, cause = fault.Permission, err
		}
		return nil, errors.Join(fault.New(kind, "lock", name, cause), l.Close())
	}
	return l, nil
}

func locksDir(home string) string { return filepath.Join(home, ".smd", "locks") }

// openLock opens a lock file, and makes it and its directory where they are missing.
// A resident sync with nothing to do does little else than this: calls of package os
// need seven for an open, to find out that a file can't be polled.
func openLock(dir, name string) (fd int, err error) {
	path := filepath.Join(dir, name)
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_CLOEXEC
	if fd, err = open(path, flags); err == nil {
		return fd, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return -1, fault.New(fault.Permission, "lock", dir, err)
	}
	if fd, err = open(path, flags); err != nil {
		return -1, fault.New(fault.Permission, "lock", path, err)
	}
	return fd, nil
}

// open is open(2) for a file that is the user's alone.
func open(path string, flags int) (fd int, err error) {
	err = uninterrupted(func() (err error) {
		fd, err = unix.Open(path, flags, 0o600)
		return err
	})
	return fd, err
}

// uninterrupted makes a system call again where a signal ended it.
func uninterrupted(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// free gives back the lock of an open file, and closes it. Closing alone would not do:
// a program that is just being started has the file too until it is executed.
func free(fd int) error {
	err := uninterrupted(func() error { return unix.Flock(fd, unix.LOCK_UN) })
	return errors.Join(err, unix.Close(fd))
}

// try takes the lock of an open file, and waits up to wait for it. It ends with the
// file at the latest.
func try(ctx context.Context, fd int, wait time.Duration) (bool, error) {
	take := func() (bool, error) {
		err := uninterrupted(func() error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
		if errors.Is(err, unix.EWOULDBLOCK) {
			return false, nil
		}
		return err == nil, err
	}
	if ok, err := take(); ok || err != nil || wait <= 0 {
		return ok, err
	}
	limit := time.NewTimer(wait)
	defer limit.Stop()
	again := time.NewTicker(retryEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case <-limit.C:
			return false, nil
		case <-again.C:
			if ok, err := take(); ok || err != nil {
				return ok, err
			}
		}
	}
}

// longestName is what every file system takes, with room for our ending.
const longestName = 200

var encode = strings.NewReplacer("%", "%25", "/", "%2F")

// fileName makes one file name of a path, and of a long one its digest.
func fileName(name string) string {
	file := encode.Replace(name)
	if len(file) > longestName {
		file = fmt.Sprintf("%x", sha256.Sum256([]byte(name)))
	}
	return file + ".lock"
}

// The pid file of stock SMD is one for the whole process, whose runs may overlap.
var stock struct {
	stdsync.Mutex
	holders map[string]int
}

// Stock takes ~/.smd/lock as stock SMD's programs do, for the process: a living
// other process in it is an error of kind [fault.Locked].
func Stock(home string) (*Lock, error) {
	path := filepath.Join(home, ".smd", "lock")
	stock.Lock()
	defer stock.Unlock()
	if stock.holders == nil {
		stock.holders = make(map[string]int)
	}
	if stock.holders[path] == 0 {
		if err := takeStock(home, path); err != nil {
			return nil, err
		}
	}
	stock.holders[path]++
	return &Lock{release: []func() error{func() error { return releaseStock(path) }}}, nil
}

// takeStock takes the pid file under a kernel lock: of two of ours that find none,
// or a dead one's, one gets it. Its name is none a mailbox can have.
func takeStock(home, path string) error {
	l, err := Acquire(context.Background(), home, stockWait, "/stock")
	if err != nil {
		return err
	}
	return errors.Join(takePidFile(home, path), l.Close())
}

// stockWait is how long others may take to look at the pid file and write it.
const stockWait = 10 * time.Second

func releaseStock(path string) error {
	stock.Lock()
	defer stock.Unlock()
	if stock.holders[path]--; stock.holders[path] > 0 {
		return nil
	}
	if pid, _ := Owner(path); pid != os.Getpid() {
		return nil // somebody took it from us: it is theirs
	}
	return os.Remove(path)
}

func takePidFile(home, path string) error {
	pid, err := Owner(path)
	if err != nil {
		return fault.New(fault.Permission, "lock", path, err)
	}
	if pid != 0 && pid != os.Getpid() && alive(pid) {
		return &fault.Error{
			Kind: fault.Locked, Op: "lock", Path: path, Err: fmt.Errorf("process %d has it", pid),
			Hint: "wait for process %d to end; if it is no mail sync, remove %s", HintArgs: []any{pid, path},
		}
	}
	return writePid(home, path)
}

// Owner returns the process id a pid file names; 0 when there is none, or none
// that makes sense.
func Owner(path string) (int, error) {
	fd, err := open(path, unix.O_RDONLY|unix.O_CLOEXEC)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	var text [32]byte // more is no number
	var n int
	err = uninterrupted(func() (err error) {
		n, err = unix.Read(fd, text[:])
		return err
	})
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil || pid <= 1 {
		return 0, nil //nolint:nilerr // a damaged pid file names nobody
	}
	return pid, nil
}

func alive(pid int) bool {
	err := unix.Kill(pid, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}

// loopWait is how long a loop or applet may take to tell who it is, and to end
// when it no longer is anybody.
const loopWait = 2 * time.Second

// Loop takes ~/.smd/loop.lock, which one loop or applet a home may have. When
// another has it, the error is of kind [fault.Locked] and pid is the other's.
func Loop(home string) (l *Lock, pid int, err error) {
	path := filepath.Join(home, ".smd", "loop.lock")
	l, err = Acquire(context.Background(), home, 0, "/loop")
	if pid, _ = Owner(path); fault.Is(err, fault.Locked) && (pid == 0 || !alive(pid)) {
		// It has begun and not yet told who it is, or is as good as gone.
		l, err = Acquire(context.Background(), home, loopWait, "/loop")
	}
	if fault.Is(err, fault.Locked) {
		pid, _ = Owner(path)
		cause := fmt.Errorf("process %d has it", pid)
		if pid == 0 { // it still has not told
			cause = errors.New("another process has it")
		}
		return nil, pid, fault.New(fault.Locked, "lock", path, cause)
	}
	if err != nil {
		return nil, 0, err
	}
	// SMD's file tells people and scripts who it is; the kernel lock decides.
	if err := writePid(home, path); err != nil {
		return nil, 0, errors.Join(err, l.Close())
	}
	return l, os.Getpid(), nil
}

// writePid puts a pid file in place, whole. It is not forced to the disk: after a power
// cut it names nobody who lives, whatever is left of it. The caller holds the kernel
// lock that goes with it.
func writePid(home, path string) error {
	part := filepath.Join(locksDir(home), filepath.Base(path)+".pid")
	fd, err := open(part, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_CLOEXEC)
	if err == nil {
		text := strconv.AppendInt(nil, int64(os.Getpid()), 10)
		err = uninterrupted(func() error {
			_, err := unix.Write(fd, append(text, '\n'))
			return err
		})
		if err = errors.Join(err, unix.Close(fd)); err == nil {
			err = os.Rename(part, path)
		}
	}
	if err != nil {
		return fault.New(fault.Permission, "lock", path, err)
	}
	return nil
}
