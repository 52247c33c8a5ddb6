package agreed

import (
	"io/fs"
	"os"
)

// Summary is what the state holds as a whole.
type Summary struct {
	Digest Digest
	Count  int // messages
}

// Summary returns that. While nobody has written to the state since it was asked the
// last time, the file is not opened for it.
func (db *DB) Summary() (Summary, error) {
	version := db.Version()
	db.mu.RLock()
	s, at := db.summary, db.summaryAt
	db.mu.RUnlock()
	if at == version {
		return s, nil
	}
	err := db.View(func(tx *Tx) error {
		s = Summary{Digest: tx.Digest(), Count: tx.Len()}
		return nil
	})
	if err == nil && db.Version() == version {
		db.mu.Lock()
		db.summary, db.summaryAt = s, version
		db.mu.Unlock()
	}
	return s, err
}

// Version is a number, never 0, that is another one each time the state may have been
// written to since, by another process too. Of a released state it is known by a look
// at the file, which is not opened. It must not be asked within a transaction.
func (db *DB) Version() uint64 {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.bolt == nil && !db.left.same(db.path) {
		db.version.Add(1)
	}
	return db.version.Load()
}

// left is a store's file as it was when it was released. bbolt numbers what it
// commits, and writes that to one of the two metas in turn.
type left struct {
	file  *os.File
	info  fs.FileInfo // of it
	metas []byte      // nil: nothing is known
}

// same reports whether the file at path is the one that was left, as it was left.
func (l *left) same(path string) bool {
	if l.metas == nil {
		return false
	}
	info, err := os.Stat(path)
	if err != nil || !os.SameFile(info, l.info) {
		return false
	}
	now := make([]byte, len(l.metas))
	_, err = l.file.ReadAt(now, 0)
	return err == nil && string(now) == string(l.metas)
}

// note takes note of a file that is still locked. What can't be had is not known.
func (l *left) note(path string, pageSize int) {
	l.metas = nil
	if info, err := os.Stat(path); l.file == nil || err != nil || !os.SameFile(info, l.info) {
		l.forget()
		if l.file, err = os.Open(path); err != nil {
			l.file = nil
			return
		}
		if l.info, err = l.file.Stat(); err != nil {
			return
		}
	}
	metas := make([]byte, 2*pageSize)
	if _, err := l.file.ReadAt(metas, 0); err == nil {
		l.metas = metas
	}
}

// forget closes the file.
func (l *left) forget() {
	if l.file != nil {
		l.file.Close()
	}
	*l = left{}
}
