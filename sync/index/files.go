package index

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"smd-applet/sync/durable"
)

// Files are the db-file at path DB and those beside it (smd 1.3, spec §1).
type Files struct{ DB string }

// New is the state being agreed.
func (f Files) New() string { return f.DB + ".new" }

// Patch is the received difference between the two.
func (f Files) Patch() string { return f.DB + ".xdelta" }

// Placed lists what was put in the mailbox and is not yet in the state; it is there
// after a run that was cut.
func (f Files) Placed() string { return f.DB + ".placed" }

// PlacedShared is that list where both ends share the db-file: of the end that
// receives alone, and of none that sends.
func (f Files) PlacedShared() string { return f.DB + ".placed-shared" }

func (f Files) mtime() string    { return f.DB + ".mtime" }
func (f Files) mtimeNew() string { return f.DB + ".mtime.new" }

// Absent stands for the digest of a missing file in the handshake.
const Absent = "-"

// Digests returns the SHA-1 of the db-file (a missing one counts as the empty
// file) and of the new one ([Absent] when missing), in hex.
func (f Files) Digests() (db, fresh string, err error) {
	if db, err = digest(f.DB); err != nil {
		return "", "", err
	}
	if db == Absent {
		db = hex.EncodeToString(sha1.New().Sum(nil))
	}
	fresh, err = digest(f.New())
	return db, fresh, err
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Absent, nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha1.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Sweep removes what crashes left beside the files, but no file that can still
// be of use. The caller holds the pair's lock.
func (f Files) Sweep() error {
	var errs []error
	for _, path := range []string{f.DB, f.New(), f.mtime(), f.mtimeNew(), f.Patch()} {
		errs = append(errs, durable.Sweep(path))
	}
	return errors.Join(append(errs, remove(f.Patch()))...)
}

// Commit makes the new state the agreed one, durably. The time of the scan
// follows the state it belongs to: a crash between the two only costs reading
// some messages again.
func (f Files) Commit() error {
	if err := durable.Rename(f.New(), f.DB); err != nil {
		return err
	}
	if err := durable.Rename(f.mtimeNew(), f.mtime()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Discard removes the new state.
func (f Files) Discard() error {
	return errors.Join(remove(f.New()), f.DiscardMtime(), remove(f.Patch()))
}

// DiscardMtime removes the time of an uncommitted scan, which would be wrong
// beside a new state that came from the other end.
func (f Files) DiscardMtime() error { return remove(f.mtimeNew()) }

// SetAside keeps a state the other end does not share under a name of its own
// and starts from the empty one.
func (f Files) SetAside(now time.Time) (string, error) {
	aside := fmt.Sprintf("%s.mismatch-%d", f.DB, now.UnixNano())
	err := durable.Rename(f.DB, aside)
	if errors.Is(err, fs.ErrNotExist) {
		return "", errors.Join(remove(f.mtime()), f.Discard())
	}
	return aside, errors.Join(err, remove(f.mtime()), f.Discard())
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// ScanTime returns when the last agreed scan started; the zero time when there
// was none, or its record is damaged.
func (f Files) ScanTime() (time.Time, error) {
	b, err := os.ReadFile(f.mtime())
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}, nil //nolint:nilerr // a damaged time only means: read everything
	}
	return time.Unix(n, 0), nil
}

// WriteScanTime records when the scan behind the new state started.
func (f Files) WriteScanTime(t time.Time) error {
	return durable.WriteFile(f.mtimeNew(), 0o600, func(w io.Writer) error {
		_, err := io.WriteString(w, strconv.FormatInt(t.Unix(), 10))
		return err
	})
}

// WriteNew writes the new state: what each hands to put, in that order.
func (f Files) WriteNew(each func(put func(Entry) error) error) error {
	return durable.WriteFile(f.New(), 0o600, func(w io.Writer) error {
		b := newLineWriter(w)
		if err := each(b.put); err != nil {
			return err
		}
		return b.flush()
	})
}
