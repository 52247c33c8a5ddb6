package agreed

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"strings"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"smd-applet/sync/durable"
	"smd-applet/sync/maildir"
)

// Folder is what the state holds of a folder as a whole.
type Folder struct {
	Path   string // remote path, "Mail/.work"
	Digest Digest
	Count  int // messages
}

// Tx is one transaction, good until the function it was given to returns; for
// one goroutine. Reading sees what the transaction has written. What it returns
// is the caller's to keep.
//
// Reading methods return no error: what can't be read ends the iteration or is
// not found, [Tx.Err] tells, and View or Update returns that error. Decide nothing
// from an absence before they do, or before Err is nil.
type Tx struct {
	bolt     *bolt.Tx
	writable bool
	err      error
	folders  map[string]*openFolder
	changes  int // counts writes: they invalidate bbolt's cursors, and without any there is no commit
	digester digester
	key      []byte // scratch
	arena    []byte // of values: bbolt keeps them until commit
}

// openFolder is a folder the transaction works on. Its summary reaches the
// folders bucket at commit.
type openFolder struct {
	Folder
	messages *bolt.Bucket
	dirty    bool
}

var (
	errReadOnly = errors.New("agreed: write in a View")
	errEnded    = errors.New("agreed: the transaction has ended")
	errSummary  = errors.New("the summary of a folder can't be decoded")
)

// fillPercent is how full bbolt leaves the pages it splits. Unique names start
// with the time of delivery, so most new ones come last.
const fillPercent = 0.9

// Err returns the first failure of a reading method.
func (tx *Tx) Err() error { return tx.err }

func (tx *Tx) fail(err error) {
	if tx.err == nil {
		tx.err = err
	}
}

// alive panics in a transaction that has ended: an answer from it would read
// like an empty state.
func (tx *Tx) alive() {
	if tx.bolt == nil {
		panic(errEnded)
	}
}

// caught is [caught] for a step of the transaction, which can't commit then.
func (tx *Tx) caught(err *error) {
	if p := recover(); p != nil {
		*err = &damage{fmt.Errorf("%v", p)}
		tx.fail(*err)
	}
}

// end rolls back what was not committed. It fails where the file is so damaged
// that bbolt's locks stay taken.
func (tx *Tx) end() (err error) {
	defer caught(&err)
	b := tx.bolt
	tx.bolt = nil
	if err := b.Rollback(); !errors.Is(err, bolterrors.ErrTxClosed) { // it is after a commit
		return err
	}
	return nil
}

// commit makes what was written durable.
func (tx *Tx) commit() (err error) {
	defer caught(&err)
	folders := tx.bolt.Bucket(foldersBucket)
	for path, f := range tx.folders {
		if f == nil || !f.dirty {
			continue
		}
		if err := folders.Put([]byte(path), appendSummary(nil, f.Folder)); err != nil {
			return &storeError{err}
		}
	}
	if err := durable.Step("commit", tx.bolt.DB().Path(), ""); err != nil {
		return &storeError{err}
	}
	if err := tx.bolt.Commit(); err != nil {
		return &storeError{err}
	}
	return nil
}

// appendSummary appends the stored form of a folder: digest, count as a uvarint.
func appendSummary(b []byte, f Folder) []byte {
	b = append(b, f.Digest[:]...)
	return binary.AppendUvarint(b, uint64(f.Count))
}

func decodeSummary(path string, b []byte) (Folder, error) {
	f := Folder{Path: path}
	d := decoder{rest: b}
	copy(f.Digest[:], d.bytes(uint64(len(f.Digest))))
	f.Count = int(d.uvarint())
	if d.short || len(d.rest) > 0 || f.Count < 0 {
		return Folder{}, &damage{fmt.Errorf("%s: %w", path, errSummary)}
	}
	return f, nil
}

// open returns a folder, nil where it is not agreed on.
func (tx *Tx) open(path string) (_ *openFolder, err error) {
	if f, ok := tx.folders[path]; ok {
		return f, nil
	}
	if path == "" {
		return nil, nil
	}
	defer tx.caught(&err)
	var opened *openFolder
	summary := tx.bolt.Bucket(foldersBucket).Get([]byte(path))
	messages := tx.bolt.Bucket(messagesBucket).Bucket([]byte(path))
	switch {
	case summary != nil && messages != nil:
		f, err := decodeSummary(strings.Clone(path), summary)
		if err != nil {
			return nil, err
		}
		messages.FillPercent = fillPercent
		opened = &openFolder{Folder: f, messages: messages}
	case summary != nil || messages != nil:
		return nil, &damage{fmt.Errorf("%s: the folder is there by half", path)}
	}
	tx.remember(path, opened)
	return opened, nil
}

func (tx *Tx) remember(path string, f *openFolder) {
	if tx.folders == nil {
		tx.folders = make(map[string]*openFolder)
	}
	tx.folders[strings.Clone(path)] = f
}

// Digest returns the digest of the whole state, in time of the folders.
func (tx *Tx) Digest() Digest {
	h := sha256.New()
	var buf []byte
	for f := range tx.Folders() {
		buf = appendFolder(buf[:0], f)
		h.Write(buf)
	}
	var d Digest
	h.Sum(d[:0])
	return d
}

// Len returns the number of messages, in time of the folders.
func (tx *Tx) Len() int {
	n := 0
	for f := range tx.Folders() {
		n += f.Count
	}
	return n
}

// Folders yields the folders agreed on, empty ones too, in byte order of their
// paths.
func (tx *Tx) Folders() iter.Seq[Folder] {
	return func(yield func(Folder) bool) {
		tx.alive()
		for path, summary := range tx.scan(func() *bolt.Bucket { return tx.bolt.Bucket(foldersBucket) }) {
			f := Folder{}
			if open := tx.folders[path]; open != nil {
				f = open.Folder
			} else {
				var err error
				if f, err = decodeSummary(path, summary); err != nil {
					tx.fail(err)
					return
				}
			}
			if !yield(f) {
				return
			}
		}
	}
}

// Folder returns one folder, false where it is not agreed on.
func (tx *Tx) Folder(path string) (Folder, bool) {
	tx.alive()
	f, err := tx.open(path)
	if err != nil {
		tx.fail(err)
	}
	if f == nil {
		return Folder{}, false
	}
	return f.Folder, true
}

// Get returns the record of a message.
func (tx *Tx) Get(k Key) (Record, bool) {
	tx.alive()
	f, err := tx.open(k.Folder)
	if err == nil && f != nil {
		var r Record
		var found bool
		if r, found, err = tx.get(f, k.Unique); err == nil {
			return r, found
		}
	}
	if err != nil {
		tx.fail(err)
	}
	return Record{}, false
}

func (tx *Tx) get(f *openFolder, unique string) (r Record, found bool, err error) {
	defer tx.caught(&err)
	tx.key = append(tx.key[:0], unique...)
	value := f.messages.Get(tx.key)
	if value == nil {
		return Record{}, false, nil
	}
	if r, err = decodeRecord(value); err != nil {
		return Record{}, false, &damage{fmt.Errorf("%s/%s: %w", f.Path, unique, err)}
	}
	return r, true, nil
}

// Each yields the messages of a folder by unique name, in byte order. The
// transaction may write meanwhile; a name behind the one yielded last is seen as
// it stands when its turn comes.
func (tx *Tx) Each(folder string) iter.Seq2[string, Record] {
	return func(yield func(string, Record) bool) {
		tx.alive()
		bucket := func() *bolt.Bucket {
			f, err := tx.open(folder)
			if err != nil {
				tx.fail(err)
			}
			if f == nil {
				return nil
			}
			return f.messages
		}
		for unique, value := range tx.scan(bucket) {
			r, err := decodeRecord(value)
			if err != nil {
				tx.fail(&damage{fmt.Errorf("%s/%s: %w", folder, unique, err)})
				return
			}
			if !yield(unique, r) {
				return
			}
		}
	}
}

// scan yields a bucket's keys and values, the latter good until the next write.
// It finds its place again after a write, and ends where bucket returns nil.
func (tx *Tx) scan(bucket func() *bolt.Bucket) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // iter.Pull has a goroutine of its own
		var cursor *bolt.Cursor
		var last string
		var seen int // tx.changes at the cursor's last step
		step := func() (key string, value []byte, more bool, err error) {
			defer tx.caught(&err)
			var k []byte
			switch {
			case cursor != nil && seen == tx.changes:
				k, value = cursor.Next()
			default:
				b := bucket()
				if b == nil {
					return "", nil, false, nil
				}
				cursor = b.Cursor()
				k, value = cursor.Seek([]byte(last))
				if k != nil && last != "" && string(k) == last {
					k, value = cursor.Next()
				}
			}
			seen = tx.changes
			return string(k), value, k != nil, nil
		}
		for {
			tx.alive()
			key, value, more, err := step()
			if err != nil {
				tx.fail(err)
				return
			}
			if !more || !yield(key, value) {
				return
			}
			last = key
		}
	}
}

// ready returns why the transaction can't write.
func (tx *Tx) ready() error {
	switch {
	case tx.bolt == nil:
		return errEnded
	case !tx.writable:
		return errReadOnly
	}
	return tx.err
}

// Put sets the record of a message and adds its folder where needed. Messages put
// in byte order of their keys are put quickest and take the least room; out of
// order a transaction should not put more than a few thousand new ones in a folder.
func (tx *Tx) Put(k Key, r Record) error {
	if err := tx.ready(); err != nil {
		return err
	}
	if err := checkUnique(k.Unique); err != nil {
		return err
	}
	value, err := tx.encode(r)
	if err != nil {
		return fmt.Errorf("%s: %w", k, err)
	}
	f, err := tx.add(k.Folder)
	if err != nil {
		return err
	}
	old, found, err := tx.get(f, k.Unique)
	if err != nil {
		tx.fail(err)
		return err
	}
	if found && old == r {
		return nil
	}
	if err := tx.put(f.messages, k.Unique, value); err != nil {
		return err
	}
	if found && old.Mark == r.Mark && old.Sum == r.Sum {
		return nil
	}
	if found {
		f.Digest.xor(tx.digester.message(k.Unique, old))
	} else {
		f.Count++
	}
	f.Digest.xor(tx.digester.message(k.Unique, r))
	f.dirty = true
	return nil
}

// encode returns the stored form of r, good until commit.
func (tx *Tx) encode(r Record) ([]byte, error) {
	const chunk, most = 64 << 10, 512
	if cap(tx.arena)-len(tx.arena) < most {
		tx.arena = make([]byte, 0, chunk)
	}
	start := len(tx.arena)
	b, err := appendRecord(tx.arena, r)
	if err != nil {
		return nil, err
	}
	tx.arena = b
	return b[start:len(b):len(b)], nil
}

// put writes a value that stays as it is until commit.
func (tx *Tx) put(b *bolt.Bucket, key string, value []byte) (err error) {
	defer tx.caught(&err)
	tx.changes++
	tx.key = append(tx.key[:0], key...)
	return tx.failed(b.Put(tx.key, value))
}

// failed marks an error of bbolt as the store's.
func (tx *Tx) failed(err error) error {
	if err != nil {
		err = &storeError{err}
		tx.fail(err)
	}
	return err
}

// checkUnique refuses what can't be the unique name of a message.
func checkUnique(unique string) error {
	if unique == "" || strings.Contains(unique, "/") {
		return fmt.Errorf("%w %q: not a unique name", maildir.ErrBadName, unique)
	}
	return maildir.CheckPath(unique)
}

// Delete removes a message, and does nothing where there is none.
func (tx *Tx) Delete(k Key) error {
	if err := tx.ready(); err != nil {
		return err
	}
	f, err := tx.open(k.Folder)
	if f == nil || err != nil {
		return tx.failed(err)
	}
	old, found, err := tx.get(f, k.Unique)
	if !found || err != nil {
		return tx.failed(err)
	}
	if err := tx.remove(f, k.Unique); err != nil {
		return err
	}
	f.Digest.xor(tx.digester.message(k.Unique, old))
	f.Count--
	f.dirty = true
	return nil
}

func (tx *Tx) remove(f *openFolder, unique string) (err error) {
	defer tx.caught(&err)
	tx.changes++
	tx.key = append(tx.key[:0], unique...)
	return tx.failed(f.messages.Delete(tx.key))
}

// AddFolder agrees on a folder, which may be there already.
func (tx *Tx) AddFolder(path string) error {
	if err := tx.ready(); err != nil {
		return err
	}
	_, err := tx.add(path)
	return err
}

func (tx *Tx) add(path string) (_ *openFolder, err error) {
	f, err := tx.open(path)
	if f != nil || err != nil {
		return f, tx.failed(err)
	}
	if err := maildir.CheckPath(path); err != nil {
		return nil, err
	}
	defer tx.caught(&err)
	tx.changes++
	f = &openFolder{Folder: Folder{Path: strings.Clone(path)}}
	if err := tx.bolt.Bucket(foldersBucket).Put([]byte(path), appendSummary(nil, f.Folder)); err != nil {
		return nil, tx.failed(err)
	}
	if f.messages, err = tx.bolt.Bucket(messagesBucket).CreateBucket([]byte(path)); err != nil {
		return nil, tx.failed(err)
	}
	f.messages.FillPercent = fillPercent
	tx.remember(path, f)
	return f, nil
}

// DropFolder removes a folder with all its messages, and does nothing where
// there is none.
func (tx *Tx) DropFolder(path string) (err error) {
	if err := tx.ready(); err != nil {
		return err
	}
	f, err := tx.open(path)
	if f == nil || err != nil {
		return tx.failed(err)
	}
	defer tx.caught(&err)
	tx.changes++
	delete(tx.folders, path)
	if err := tx.bolt.Bucket(foldersBucket).Delete([]byte(path)); err != nil {
		return tx.failed(err)
	}
	return tx.failed(tx.bolt.Bucket(messagesBucket).DeleteBucket([]byte(path)))
}

// Meta returns a value kept beside the state, nil where there is none.
func (tx *Tx) Meta(name string) []byte {
	tx.alive()
	value, err := tx.meta(name)
	if err != nil {
		tx.fail(err)
	}
	return value
}

func (tx *Tx) meta(name string) (_ []byte, err error) {
	defer tx.caught(&err)
	return bytes.Clone(tx.bolt.Bucket(metaBucket).Get([]byte(name))), nil
}

// SetMeta keeps a value beside the state; nil removes it. It is no part of any
// digest.
func (tx *Tx) SetMeta(name string, value []byte) (err error) {
	if err := tx.ready(); err != nil {
		return err
	}
	defer tx.caught(&err)
	tx.changes++
	b := tx.bolt.Bucket(metaBucket)
	if value == nil {
		return tx.failed(b.Delete([]byte(name)))
	}
	return tx.failed(b.Put([]byte(name), bytes.Clone(value)))
}
