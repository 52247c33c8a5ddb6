package twoway

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"smd-applet/sync/agreed"
	"smd-applet/sync/fault"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
	"smd-applet/sync/tracker"
)

// metaImported says that SMD's state was looked for.
const metaImported = "imported"

// OpenState opens an agreed state of smd/2. One that is new begins with what the
// ends agreed on in smd 1.3, so that changing over moves nothing. A dry run that
// finds none begins one it throws away.
func OpenState(path string, smd1 index.Files, dryRun bool, log *slog.Logger) (*agreed.DB, error) {
	if dryRun {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			dir, err := os.MkdirTemp("", "smd-dry-run-")
			if err != nil {
				return nil, fault.New(maildir.KindOf(err), "begin a state", os.TempDir(), err)
			}
			defer os.RemoveAll(dir) // the open file goes on without its name
			path = filepath.Join(dir, "agreed")
		}
	}
	db, err := agreed.Open(path)
	if err != nil {
		return nil, err
	}
	if aside := db.Recovered(); aside != "" {
		log.Warn("the agreed state was damaged: agreeing anew, nothing is deleted", "kept", aside)
	}
	if err := importOnce(db, smd1); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// importOnce begins a new state with SMD's. One that a crash left half imported is
// begun anew: what it has so far is not to be believed.
func importOnce(db *agreed.DB, smd1 index.Files) error {
	var done bool
	err := db.View(func(tx *agreed.Tx) error {
		done = len(tx.Meta(metaImported)) > 0
		return nil
	})
	if err != nil || done {
		return err
	}
	if err := unlist(db); err != nil { // it is of another state
		return err
	}
	since, err := importState(db, smd1)
	if err != nil {
		return err
	}
	return db.Update(func(tx *agreed.Tx) error {
		if !since.IsZero() {
			if err := tx.SetMeta(tracker.MetaSince, strconv.AppendInt(nil, since.UnixNano(), 10)); err != nil {
				return err
			}
		}
		return tx.SetMeta(metaImported, []byte("1"))
	})
}

// importState returns when the scan began that the state is of; the zero time where
// that is not known, and every message is to be read once.
func importState(db *agreed.DB, smd1 index.Files) (since time.Time, err error) {
	f, err := os.Open(smd1.DB)
	if errors.Is(err, fs.ErrNotExist) {
		return since, agreed.Clear(db) // of what an import left
	}
	if err != nil {
		return since, fault.New(maildir.KindOf(err), "read the agreed state", smd1.DB, err)
	}
	defer f.Close()
	if since, err = smd1.ScanTime(); err != nil {
		since = time.Time{}
	}
	if _, err := agreed.Import(db, f); err != nil {
		var classified *fault.Error
		if errors.As(err, &classified) {
			return since, err
		}
		return since, fault.New(maildir.KindOf(err), "read the agreed state", smd1.DB, err)
	}
	return since, nil
}

// Stir looks where a watch saw something, and reports whether there is anything
// for the other end. It needs no lock: what is found is a hint.
func (e *End) Stir(ctx context.Context, w Watch) bool {
	e.takeWatch(w)
	if !e.Tracker.Dirty() {
		return false
	}
	err := e.Tracker.Refresh(ctx, false)
	n := e.Tracker.Count()
	return errors.Join(err, e.DB.Release()) != nil || n > 0
}
