package agreed_test

import (
	"os"
	"path/filepath"
	"testing"

	"smd-applet/sync/agreed"
)

// TestVersion: what is remembered of a released state is believed only while nobody,
// in this process or another, has written to it or put another in its place.
func TestVersion(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	db := openAt(t, path)
	put := func(db *agreed.DB, unique string) {
		t.Helper()
		err := db.Update(func(tx *agreed.Tx) error {
			return tx.Put(agreed.Key{Folder: "Mail", Unique: unique}, agreed.Record{Mark: agreed.Mark{Sub: "cur"}})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	release := func(db *agreed.DB) {
		t.Helper()
		if err := db.Release(); err != nil {
			t.Fatal(err)
		}
	}
	summary := func(want int) agreed.Summary {
		t.Helper()
		s, err := db.Summary()
		if err != nil || s.Count != want {
			t.Errorf("%d messages, %v; want %d", s.Count, err, want)
		}
		return s
	}
	elsewhere := func(f func(db *agreed.DB)) {
		t.Helper()
		other, err := agreed.Open(path)
		if err != nil {
			t.Fatal(err) // db does not hold it
		}
		f(other)
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
	}

	put(db, "1")
	one := summary(1)
	release(db)
	before := db.Version()
	if got := summary(1); got != one || db.Version() != before {
		t.Error("it changed by being looked at")
	}
	elsewhere(func(other *agreed.DB) {}) // while it is open there, it isn't here
	if db.Version() != before {
		t.Error("it changed by being opened")
	}

	elsewhere(func(other *agreed.DB) { put(other, "2") })
	if db.Version() == before {
		t.Error("another one's writing is not seen")
	}
	if two := summary(2); two.Digest == one.Digest {
		t.Error("the digest stays")
	}
	release(db)

	// Written to as often as before, but another file.
	before = db.Version()
	copied, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", copied, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if db.Version() == before {
		t.Error("another file in its place is not seen")
	}
	summary(2)
	release(db)
	before = db.Version()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if db.Version() == before {
		t.Error("its end is not seen")
	}
	summary(0)

	before = db.Version()
	put(db, "3")
	if db.Version() == before {
		t.Error("one's own writing is not seen")
	}
	summary(1)
}

// TestUpdateOfNothing: what writes nothing does not wait for the disk.
func TestUpdateOfNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	db := openAt(t, path)
	update := func(f func(tx *agreed.Tx) error) string {
		t.Helper()
		if err := db.Update(f); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	before := update(func(tx *agreed.Tx) error { return tx.SetMeta("a", []byte("b")) })
	if update(func(tx *agreed.Tx) error { tx.Digest(); return nil }) != before {
		t.Error("it was written to")
	}
	if update(func(tx *agreed.Tx) error { return tx.SetMeta("a", nil) }) == before {
		t.Error("what was written is lost")
	}
}
