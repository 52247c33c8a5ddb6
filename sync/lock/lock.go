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
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	stdsync "sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"smd-applet/sync/durable"
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
	dir := filepath.Join(home, ".smd", "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.New(fault.Permission, "lock", dir, err)
	}
	l := &Lock{}
	for _, name := range names {
		f := flock.New(filepath.Join(dir, fileName(name)), flock.SetPermissions(0o600))
		ok, err := try(ctx, f, wait)
		if err == nil && ok {
			l.release = append(l.release, f.Unlock)
			continue
		}
		cause := errors.New("another run has it")
		kind := fault.Locked
		switch {
		case ctx.Err() != nil:
			cause = ctx.Err()
		case err != nil && !errors.Is(err, context.DeadlineExceeded):
			kind, cause = fault.Permission, err
		}
		return nil, errors.Join(fault.New(kind, "lock", name, cause), l.Close())
	}
	return l, nil
}

func try(ctx context.Context, f *flock.Flock, wait time.Duration) (bool, error) {
	if wait <= 0 {
		return f.TryLock()
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return f.TryLockContext(ctx, retryEvery)
}

// longestName is what every file system takes, with room for our ending.
const longestName = 200

// fileName makes one file name of a path, and of a long one its digest.
func fileName(name string) string {
	file := strings.NewReplacer("%", "%25", "/", "%2F").Replace(name)
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
	return errors.Join(takePidFile(path), l.Close())
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

func takePidFile(path string) error {
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
	return writePid(path)
}

// Owner returns the process id a pid file names; 0 when there is none, or none
// that makes sense.
func Owner(path string) (int, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
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
	if err := writePid(path); err != nil {
		return nil, 0, errors.Join(err, l.Close())
	}
	return l, os.Getpid(), nil
}

func writePid(path string) error {
	err := durable.Sweep(path)
	if err == nil {
		err = durable.WriteFile(path, 0o600, func(w io.Writer) error {
			_, err := fmt.Fprintln(w, os.Getpid())
			return err
		})
	}
	if err != nil {
		return fault.New(fault.Permission, "lock", path, err)
	}
	return nil
}
