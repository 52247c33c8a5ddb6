package agreed

import (
	"bufio"
	"io"
	"slices"
	"strings"

	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
)

// LegacyMeta is the meta value, "1", that says that messages were imported: some
// may be known by their [Legacy] sum.
const LegacyMeta = "legacy"

// An import holds so many messages at a time, in the order of their keys, in which
// bbolt is quick; a transaction holds fewer, for bbolt keeps all of it until commit.
const (
	importHolds       = 128 << 10
	importTransaction = 16 << 10
)

// Import makes the state that of smd 1.3's db-file and returns the number of its
// messages. Each has its [Legacy] sum and no Size or Seen. Names that are not
// acceptable are left out, and of two messages with one key all but the first. A
// file that is not a db-file is an error, and leaves the state empty.
//
// It takes several transactions, so that its memory does not grow with the file,
// which is read once for each [importHolds] messages. The caller notes when it is
// through: whatever a state holds before that is not to be believed. It is dropped
// when the import begins anew, for SMD may have gone on since.
func Import(db *DB, r io.ReadSeeker) (n int, err error) {
	return importBy(db, r, importHolds)
}

func importBy(db *DB, r io.ReadSeeker, most int) (n int, err error) {
	if err := Clear(db); err != nil {
		return 0, err
	}
	for after := (Key{}); ; {
		list, err := nextImported(r, after, most)
		if err != nil {
			return n, err
		}
		for part := range slices.Chunk(list, importTransaction) {
			err := db.Update(func(tx *Tx) error {
				for _, m := range part {
					if err := tx.Put(m.key, Record{Mark: m.mark, Sum: Legacy(m.sum)}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return n, err
			}
			n += len(part)
		}
		if len(list) < most {
			break
		}
		after = list[len(list)-1].key
	}
	return n, db.Update(func(tx *Tx) error { return tx.SetMeta(LegacyMeta, []byte("1")) })
}

// Clear makes the state empty.
func Clear(db *DB) error {
	var all []string
	err := db.View(func(tx *Tx) error {
		for f := range tx.Folders() {
			all = append(all, f.Path)
		}
		return nil
	})
	if err != nil || len(all) == 0 {
		return err
	}
	return db.Update(func(tx *Tx) error {
		for _, folder := range all {
			if err := tx.DropFolder(folder); err != nil {
				return err
			}
		}
		return nil
	})
}

// imported is a line of a db-file.
type imported struct {
	key  Key
	mark Mark
	sum  maildir.Sum
}

// nextImported reads a db-file from its start, and returns the first messages
// behind a key, up to so many, in the order of their keys.
func nextImported(r io.ReadSeeker, after Key, most int) ([]imported, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	var list []imported
	narrow := func() { // to those that may be among the first
		slices.SortStableFunc(list, func(a, b imported) int { return a.key.Compare(b.key) })
		list = slices.CompactFunc(list, func(a, b imported) bool { return a.key == b.key })
		if len(list) > most {
			clear(list[most:])
			list = list[:most]
		}
	}
	folders := map[string]string{} // one string a folder
	err := index.EachLine(bufio.NewReader(r), func(e index.Entry) error {
		name, err := maildir.ParseName(e.Name)
		if err != nil {
			return nil
		}
		k, m := Split(name)
		if k.Compare(after) <= 0 || checkUnique(k.Unique) != nil {
			return nil
		}
		folder, ok := folders[k.Folder]
		if !ok {
			folder = strings.Clone(k.Folder)
			folders[folder] = folder
		}
		k.Folder = folder
		if list = append(list, imported{k, m, e.Sum}); len(list) >= 2*most {
			narrow()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	narrow()
	return list, nil
}
