package agreed

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	stdsync "sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
)

// Damaged is the suffix of the name a damaged or foreign file is kept under.
const Damaged = ".damaged"

// lockWait is how long another process may hold the store before that is an
// error; between runs it is released.
const lockWait = 2 * time.Second

// The buckets at the top of the file.
var (
	aboutBucket    = []byte("about")    // formatKey
	metaBucket     = []byte("meta")     // name → value
	foldersBucket  = []byte("folders")  // folder path → summary
	messagesBucket = []byte("messages") // folder path → bucket of unique name → record
	formatKey      = []byte("format")
	format         = []byte("smd-applet agreed state 1\n")
)

// formatName is how the format of every version starts.
const formatName = "smd-applet agreed state "

// DB is the agreed state of an endpoint in one file. Its methods may be called
// from several goroutines, but a transaction must not be begun within another of
// the same goroutine.
type DB struct {
	path string

	mu        stdsync.RWMutex // held for reading by whoever uses bolt
	bolt      *bolt.DB        // nil while released
	recovered string
	closed    bool

	left      left          // the file, while released
	version   atomic.Uint64 // see [DB.Version]
	summary   Summary       // of summaryAt
	summaryAt uint64
}

// Open opens the store at path, or begins one, readable by its owner alone.
//
// A file that is damaged or no store is moved to path + [Damaged] and a fresh
// store begun: see [DB.Recovered]. Errors are *fault.Error: Config for the file
// of a newer version, Locked while another process uses it, or what the file
// system says.
func Open(path string) (*DB, error) {
	db := &DB{path: path}
	db.version.Store(1)
	if err := db.ensure(); err != nil {
		return nil, err
	}
	return db, nil
}

// Path is where the store's file is.
func (db *DB) Path() string { return db.path }

// Recovered returns where the last damaged or foreign file was moved, "" when
// there was none. The caller logs it: the state is then agreed anew.
func (db *DB) Recovered() string {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.recovered
}

// Close releases the store for good.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.closed = true
	db.left.forget()
	return db.release()
}

// Release closes the file and gives back its memory; the next transaction opens
// it again. It waits for running transactions.
func (db *DB) Release() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.bolt != nil {
		db.left.note(db.path, db.bolt.Info().PageSize)
	}
	return db.release()
}

func (db *DB) release() error {
	if db.bolt == nil {
		return nil
	}
	b := db.bolt
	db.bolt = nil
	if err := b.Close(); err != nil {
		return db.fault("close", err)
	}
	return nil
}

// ensure opens the file where it is not open.
func (db *DB) ensure() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	switch {
	case db.closed:
		return &fault.Error{Kind: fault.Internal, Op: "open state", Path: db.path, Err: errors.New("it has been closed")}
	case db.bolt != nil:
		return nil
	}
	b, err := open(db.path)
	var bad *damage
	if errors.As(err, &bad) {
		if err := db.moveAside(); err != nil {
			return db.fault("set aside damaged state", err)
		}
		b, err = open(db.path)
	}
	if err != nil {
		return db.fault("open state", err)
	}
	db.bolt = b
	if !db.left.same(db.path) {
		db.version.Add(1) // others wrote to it, or it is another
	}
	return nil
}

// moveAside keeps the file, in place of an earlier one, where a person finds it.
func (db *DB) moveAside() error {
	if err := durable.Rename(db.path, db.path+Damaged); err != nil {
		return err
	}
	db.recovered = db.path + Damaged
	return nil
}

// quarantine closes the damaged b and moves its file aside, so that the next
// transaction begins anew. A stuck b would never close: it is left to itself,
// with the file that nobody opens again.
func (db *DB) quarantine(b *bolt.DB, stuck bool) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.bolt != b { // another transaction was quicker
		return nil
	}
	var err error
	if stuck {
		db.bolt = nil
	} else {
		err = db.release()
	}
	return errors.Join(err, db.moveAside())
}

// damage is the error of a file that is not, or no longer, a store.
type damage struct{ err error }

func (d *damage) Error() string { return "damaged: " + d.err.Error() }
func (d *damage) Unwrap() error { return d.err }

// caught makes an error of what bbolt panics with on a damaged file: its own
// checks, and faults on pages that are missing.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = &damage{fmt.Errorf("%v", p)}
	}
}

// open opens a file as it is; a damaged or foreign one is a *damage.
func open(path string) (_ *bolt.DB, err error) {
	var file *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if err != nil && file != nil {
			file.Close() // with its lock; bbolt does not get to it when it panics
		}
	}()
	defer caught(&err)

	var created bool
	b, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout:        lockWait,
		FreelistType:   bolt.FreelistMapType,
		NoStatistics:   true,
		NoFreelistSync: false, // without it every open walks the whole file
		OpenFile: func(name string, flag int, perm os.FileMode) (*os.File, error) {
			_, statErr := os.Stat(name)
			created = errors.Is(statErr, fs.ErrNotExist)
			f, err := os.OpenFile(name, flag, perm)
			if file == nil {
				file = f
			}
			return f, err
		},
	})
	if err != nil {
		if errors.Is(err, bolterrors.ErrInvalid) || errors.Is(err, bolterrors.ErrChecksum) || tooShort(path) {
			err = &damage{err}
		}
		return nil, err
	}
	if err := errors.Join(check(b, file), syncNew(created, path)); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func syncNew(created bool, path string) error {
	if !created {
		return nil
	}
	return durable.SyncDir(filepath.Dir(path))
}

// tooShort reports whether a file has no room for the two pages every store
// starts with: its creation was cut short.
func tooShort(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() < int64(2*os.Getpagesize())
}

// check finds out whose file it is, of what format, and whether its end is
// there. An empty one is given our buckets.
func check(b *bolt.DB, file *os.File) error {
	var empty bool
	err := b.View(func(tx *bolt.Tx) error {
		info, err := file.Stat()
		if err != nil {
			return err
		}
		if info.Size() < tx.Size() {
			return &damage{fmt.Errorf("%d bytes long, want %d", info.Size(), tx.Size())}
		}
		about := tx.Bucket(aboutBucket)
		if about == nil {
			name, _ := tx.Cursor().First()
			if empty = name == nil; empty {
				return nil
			}
			return &damage{errors.New("a file of another program")}
		}
		found := about.Get(formatKey)
		switch {
		case bytes.Equal(found, format):
		case bytes.HasPrefix(found, []byte(formatName)):
			return &fault.Error{
				Kind: fault.Config, Op: "open state", Path: file.Name(),
				Err:  fmt.Errorf("its format is %q, newer than this smd-applet knows", found),
				Hint: "install the newer smd-applet again, or move the named file away: what it holds is agreed anew, no message is deleted",
			}
		default:
			return &damage{errors.New("it has no format")}
		}
		for _, name := range [][]byte{metaBucket, foldersBucket, messagesBucket} {
			if tx.Bucket(name) == nil {
				return &damage{fmt.Errorf("it has no %s", name)}
			}
		}
		return nil
	})
	if err != nil || !empty {
		return err
	}
	return b.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{aboutBucket, metaBucket, foldersBucket, messagesBucket} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return tx.Bucket(aboutBucket).Put(formatKey, format)
	})
}

// fault classifies err; one classified already passes.
func (db *DB) fault(op string, err error) error {
	var classified *fault.Error
	if errors.As(err, &classified) {
		return err
	}
	e := fault.New(maildir.KindOf(err), op, db.path, err)
	var bad *damage
	switch {
	case errors.As(err, &bad):
		e.Kind, e.Context = fault.DBMismatch, "state"
		e.Hint = "run again: the damaged file is kept beside it, the state is agreed anew, no message is deleted"
	case errors.Is(err, bolterrors.ErrTimeout):
		e.Kind = fault.Locked
	case e.Kind == fault.ConcurrentEdit: // right for mail only
		e.Kind = fault.FileSystem
	case errors.Is(err, bolterrors.ErrVersionMismatch):
		e.Kind, e.Hint = fault.Config, "install the newer smd-applet again, or move the named file away: what it holds is agreed anew, no message is deleted"
	}
	return e
}

// View runs f with the state as it stands now. An error of f, or of its reading,
// is returned.
func (db *DB) View(f func(*Tx) error) error { return db.transact(false, f) }

// Update runs f in a transaction: all f wrote is on disk when Update returns nil,
// and none of it otherwise.
func (db *DB) Update(f func(*Tx) error) error { return db.transact(true, f) }

func (db *DB) transact(writable bool, f func(*Tx) error) error {
	b, err := db.acquire()
	if err != nil {
		return err
	}
	stuck := false
	err = func() error {
		defer db.mu.RUnlock()
		if writable {
			defer db.version.Add(1)
		}
		return run(b, writable, f, &stuck)
	}()
	var bad *damage
	if errors.As(err, &bad) {
		return db.fault("read state", errors.Join(err, db.quarantine(b, stuck)))
	}
	var own *storeError
	if errors.As(err, &own) {
		return db.fault("write state", own.err)
	}
	return err
}

// acquire returns the open file with mu held for reading.
func (db *DB) acquire() (*bolt.DB, error) {
	for {
		db.mu.RLock()
		if db.bolt != nil {
			return db.bolt, nil
		}
		db.mu.RUnlock()
		if err := db.ensure(); err != nil {
			return nil, err
		}
	}
}

// storeError is a failure of the store, to tell it from those of a caller's f.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// run sets stuck where the transaction could not be ended.
func run(b *bolt.DB, writable bool, f func(*Tx) error, stuck *bool) error {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	btx, err := begin(b, writable)
	if err != nil {
		return &storeError{err}
	}
	tx := &Tx{bolt: btx, writable: writable}
	defer func() { *stuck = tx.end() != nil }()
	if err := f(tx); err != nil {
		if tx.err != nil && !errors.Is(err, tx.err) {
			err = errors.Join(tx.err, err)
		}
		return err
	}
	if tx.err != nil || tx.changes == 0 {
		return tx.err // nothing was written: there is nothing to wait for the disk for
	}
	return tx.commit()
}

func begin(b *bolt.DB, writable bool) (tx *bolt.Tx, err error) {
	defer caught(&err)
	return b.Begin(writable)
}
