package agreed

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
)

// LegacyMeta is the meta value, "1", that says that messages were imported: some
// may be known by their [Legacy] sum.
const LegacyMeta = "legacy"

// Import adds the messages of smd 1.3's db-file and returns their number. Each has
// its [Legacy] sum and no Size or Seen. Names that are not acceptable are left out,
// of two messages with one key all but the first, and what the state has already.
// A file that is not a db-file is an error; then the transaction must not be committed.
//
// It takes memory for all messages: bbolt is quick only when keys come in order.
func Import(tx *Tx, r io.Reader) (n int, err error) {
	if err := tx.ready(); err != nil {
		return 0, err
	}
	type message struct {
		key  Key
		mark Mark
		sum  maildir.Sum
	}
	var all []message
	folders := map[string]string{} // one string a folder
	err = index.EachLine(r, func(e index.Entry) error {
		name, err := maildir.ParseName(e.Name)
		if err != nil {
			return nil
		}
		k, m := Split(name)
		if checkUnique(k.Unique) != nil {
			return nil
		}
		folder, ok := folders[k.Folder]
		if !ok {
			folder = strings.Clone(k.Folder)
			folders[folder] = folder
		}
		k.Folder = folder
		all = append(all, message{k, m, e.Sum})
		return nil
	})
	if err != nil {
		return 0, err
	}
	slices.SortStableFunc(all, func(a, b message) int { return compareKeys(a.key, b.key) })
	for _, m := range all {
		if _, ok := tx.Get(m.key); ok {
			continue
		}
		if err := tx.Put(m.key, Record{Mark: m.mark, Sum: Legacy(m.sum)}); err != nil {
			return n, err
		}
		n++
	}
	return n, tx.SetMeta(LegacyMeta, []byte("1"))
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Folder, b.Folder), cmp.Compare(a.Unique, b.Unique))
}
