package logbook

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Limits are when a log is put aside and begun anew, and how many are kept.
type Limits struct {
	Size int64         // bytes
	Age  time.Duration // of its first line
	Keep int           // old ones: name.1 is the latest
}

// Standard are the limits of our log: a line a run makes a month of about a
// megabyte at most.
var Standard = Limits{Size: 1 << 20, Age: 30 * 24 * time.Hour, Keep: 3}

// File is a log that is put aside when it is large or old. It has one writer, and
// one process.
type File struct {
	path   string
	limits Limits
	now    func() time.Time

	f     *os.File
	size  int64
	begun time.Time
}

// Open opens the log at path to add to it; where there is none it is made, the
// user's alone.
func Open(path string, limits Limits) (*File, error) {
	f := &File{path: path, limits: limits, now: time.Now}
	if err := f.open(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) open() error {
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.f, f.size, f.begun = file, info.Size(), f.now()
	if f.size > 0 {
		f.begun = begun(file, info.ModTime())
	}
	return nil
}

// begun is the time of a log's first line, or otherwise where it has none.
func begun(file io.ReaderAt, otherwise time.Time) time.Time {
	stamp := make([]byte, len(timeLayout))
	if _, err := file.ReadAt(stamp, 0); err != nil {
		return otherwise
	}
	if t, err := time.ParseInLocation(timeLayout, string(stamp), time.Local); err == nil {
		return t
	}
	return otherwise
}

// Write adds whole lines.
func (f *File) Write(lines []byte) (int, error) {
	if f.size > 0 && (f.size+int64(len(lines)) > f.limits.Size || f.now().Sub(f.begun) > f.limits.Age) {
		if err := f.rotate(); err != nil {
			return 0, fmt.Errorf("begin a new log: %w", err)
		}
	}
	n, err := f.f.Write(lines)
	f.size += int64(n)
	return n, err
}

// rotate puts the log aside and begins a new one. Where it can't be put aside it
// is gone on with.
func (f *File) rotate() error {
	for i := f.limits.Keep - 1; i >= 0; i-- {
		if err := os.Rename(f.old(i), f.old(i+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.begun, f.size = f.now(), 0 // not tried again at every line
			return nil
		}
	}
	before := f.f
	if err := f.open(); err != nil {
		return err
	}
	return before.Close()
}

// old is the name of the i-th log back; 0 is the one in use.
func (f *File) old(i int) string {
	if i == 0 {
		return f.path
	}
	return fmt.Sprintf("%s.%d", f.path, i)
}

// Close closes the log.
func (f *File) Close() error { return f.f.Close() }
