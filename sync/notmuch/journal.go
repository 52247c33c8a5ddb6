package notmuch

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	stdsync "sync"

	"golang.org/x/sys/unix"

	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
	"smd-applet/sync/hooks"
)

// Journal notes the files one run touches, in a file of its own that lasts until
// notmuch knows of them. Nil notes nothing.
type Journal struct {
	dir, endpoint string

	mu     stdsync.Mutex
	f      *os.File // nil before the first change; locked while it is written
	w      *bufio.Writer
	failed error
}

// NewJournal returns the journal of a run of endpoint, below dir. Without a
// change there will be no file.
func NewJournal(dir, endpoint string) *Journal { return &Journal{dir: dir, endpoint: endpoint} }

// complete ends a journal. One without it was cut off, and does not tell all.
const complete = "end\n"

// Add notes a change in the words of package hooks, by absolute paths. It may be
// called from any goroutine.
func (j *Journal) Add(what, path, to string) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.f == nil && j.failed == nil {
		j.failed = j.create()
	}
	if j.failed != nil {
		return
	}
	mark := "-"
	if what == hooks.Added {
		mark = "+"
	}
	line := mark + path + "\n"
	if to != "" {
		line += "+" + to + "\n"
	}
	_, j.failed = j.w.WriteString(line)
}

// create makes the file, durably: after a crash it tells that something is
// missing. It gets its name when it is locked, so that nobody takes it before it
// is written.
func (j *Journal) create() error {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(j.dir, ".*")
	if err != nil {
		return err
	}
	name := j.endpoint + filepath.Base(f.Name())
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		err = durable.Rename(f.Name(), filepath.Join(j.dir, name))
	}
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	j.f, j.w = f, bufio.NewWriter(f)
	return nil
}

// Close ends the journal.
func (j *Journal) Close() error {
	if j == nil {
		return nil
	}
	if j.f != nil {
		if j.failed == nil {
			_, err := j.w.WriteString(complete)
			j.failed = errors.Join(err, j.w.Flush())
		}
		j.failed = errors.Join(j.failed, release(j.f))
	}
	if j.failed != nil {
		return fault.New(fault.Hook, "note for notmuch what changed", j.dir, j.failed)
	}
	return nil
}

// release unlocks and closes a journal. Closing alone would not do: a process that
// is being started has the file too, for a moment.
func release(f *os.File) error {
	return errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_UN), f.Close())
}

// touched are files notmuch has to look at, by absolute path: true where the
// content may be new though the name is known.
type touched map[string]bool

// claimed is a journal that waits for notmuch, and that no other process takes
// meanwhile.
type claimed struct{ *os.File }

// claim takes the journals of endpoint that nobody writes or has taken.
func claim(dir, endpoint string) ([]claimed, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found []claimed
	for _, e := range entries {
		if number, ok := strings.CutPrefix(e.Name(), endpoint+"."); !ok || strings.Trim(number, "0123456789") != "" {
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process has just done with it
		}
		if err != nil {
			return found, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			f.Close()
			continue
		}
		found = append(found, claimed{f})
	}
	return found, nil
}

// read adds the files the journal names to t. all is false when it does not name
// them all, or t would have more than most.
func (c claimed) read(t touched, most int) (all bool, err error) {
	r := bufio.NewReader(c.File)
	for {
		line, err := r.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		path := strings.TrimSuffix(line, "\n")
		switch {
		case line == complete:
			return true, nil
		case err != nil || len(t) >= most || path == "":
			return false, nil
		}
		t[path[1:]] = t[path[1:]] || path[0] == '+'
	}
}

// forget removes the journal: notmuch knows all it tells.
func (c claimed) forget() error { return os.Remove(c.Name()) }

// list is t as the indexing program reads it.
func (t touched) list() *bytes.Buffer {
	var b bytes.Buffer
	for path, fresh := range t {
		if fresh {
			b.WriteByte('+')
		} else {
			b.WriteByte('-')
		}
		b.WriteString(path)
		b.WriteByte(0)
	}
	return &b
}
