package steps

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// losses are what a power cut may take: all that was done and is not yet durable,
// in order, with what was there before.
//
// A file's content is durable after its fsync, a directory's entries after that
// of the directory, everything after a syncfs. A rename is whole or not at all.
type losses struct {
	save  string // directory where files that lose their last name are kept
	saved int
	list  []*loss
}

type loss struct {
	step  Step
	saved string    // another name of the file that was removed or replaced
	file  *os.File  // of a write or truncation
	inode [2]uint64 // of that file
	at    int64     // where it was written
	old   []byte    // what was there
	size  int64     // of the file before
}

// prepare looks at what a call is about to change.
func (l *losses) prepare(c *call) error {
	s := c.step
	switch {
	case s.Sent(), s.Call == "fsync", s.Call == "syncfs":
		return nil
	case s.Call == "write", s.Call == "truncate":
		return c.content(fmt.Sprintf("/proc/%d/fd/%d", c.tid, c.fd))
	case s.Call == "open" && !s.Made: // it is emptied
		return c.content(s.Path)
	}
	c.undo = &loss{step: s}
	removed := ""
	switch s.Call {
	case "unlink":
		removed = s.Path
	case "rename":
		removed = s.To
	}
	if st, err := os.Lstat(removed); removed == "" || err != nil || st.IsDir() {
		return nil // nothing is replaced, or it will fail
	}
	l.saved++
	c.undo.saved = filepath.Join(l.save, fmt.Sprint(os.Getpid(), "-", l.saved))
	return os.Link(removed, c.undo.saved)
}

// content keeps what the file has where it is about to change.
func (c *call) content(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	u := &loss{step: c.step, file: f, at: c.size}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	u.inode, u.size = [2]uint64{st.Dev, st.Ino}, st.Size
	end := st.Size
	if c.step.Call == "write" {
		if u.at, err = c.position(st.Size); err != nil {
			return err
		}
		end = min(end, u.at+c.step.Bytes)
	}
	if u.at < end {
		u.old = make([]byte, end-u.at)
		if _, err := f.ReadAt(u.old, u.at); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	c.undo = u
	return nil
}

// note takes in a call that succeeded.
func (l *losses) note(c *call) {
	switch c.step.Call {
	case "syncfs":
		l.list = nil
	case "fsync":
		var st unix.Stat_t
		if unix.Stat(c.step.Path, &st) != nil {
			return
		}
		inode := [2]uint64{st.Dev, st.Ino}
		l.list = slices.DeleteFunc(l.list, func(u *loss) bool {
			if u.file != nil {
				return u.inode == inode
			}
			return u.step.dir() == c.step.Path
		})
	default:
		if c.undo != nil {
			l.list = append(l.list, c.undo)
		}
	}
}

// dir is the directory whose fsync makes a changed entry durable.
func (s Step) dir() string {
	if s.To != "" {
		return filepath.Dir(s.To)
	}
	return filepath.Dir(s.Path)
}

// happen undoes what a power cut takes, the last first.
func (l *losses) happen(p Power) error {
	for _, u := range slices.Backward(l.list) {
		if u.file != nil && p == Entries || u.file == nil && p == Data {
			continue
		}
		if err := u.undo(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("undo %s: %w", u.step, err)
		}
	}
	return nil
}

func (u *loss) undo() error {
	if u.file != nil {
		if _, err := u.file.WriteAt(u.old, u.at); err != nil {
			return err
		}
		return u.file.Truncate(u.size)
	}
	switch u.step.Call {
	case "mkdir":
		return os.RemoveAll(u.step.Path)
	case "rmdir":
		return os.Mkdir(u.step.Path, 0o700)
	case "open", "symlink":
		return os.Remove(u.step.Path)
	case "link":
		return os.Remove(u.step.To)
	case "unlink":
		return os.Link(u.saved, u.step.Path)
	case "rename":
		if err := os.Rename(u.step.To, u.step.Path); err != nil {
			return err
		}
		if u.saved != "" {
			return os.Link(u.saved, u.step.To)
		}
		return nil
	}
	return errors.New("not understood")
}
