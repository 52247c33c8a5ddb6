package twoway

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

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

func importOnce(db *agreed.DB, smd1 index.Files) error {
	var done bool
	err := db.View(func(tx *agreed.Tx) error {
		done = len(tx.Meta(metaImported)) > 0
		return nil
	})
	if err != nil || done {
		return err
	}
	return db.Update(func(tx *agreed.Tx) error {
		if err := importState(tx, smd1); err != nil {
			return err
		}
		return tx.SetMeta(metaImported, []byte("1"))
	})
}

func importState(tx *agreed.Tx, smd1 index.Files) error {
	f, err := os.Open(smd1.DB)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.New(maildir.KindOf(err), "read the agreed state", smd1.DB, err)
	}
	defer f.Close()
	if _, err := agreed.Import(tx, bufio.NewReader(f)); err != nil {
		return fault.New(fault.Internal, "read the agreed state", smd1.DB, err)
	}
	since, err := smd1.ScanTime()
	if err != nil || since.IsZero() {
		return nil // every message is read once
	}
	return tx.SetMeta(tracker.MetaSince, strconv.AppendInt(nil, since.UnixNano(), 10))
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
