package agreed_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/agreed"
	"smd-applet/sync/fault"
)

// openAt opens a store that ends with the test.
func openAt(t testing.TB, path string) *agreed.DB {
	t.Helper()
	db, err := agreed.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func openNew(t testing.TB) *agreed.DB {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "state"))
}

// model is the state as plain maps: folder, unique name, record.
type model map[string]map[string]agreed.Record

func (m model) put(k agreed.Key, r agreed.Record) {
	if m[k.Folder] == nil {
		m[k.Folder] = map[string]agreed.Record{}
	}
	m[k.Folder][k.Unique] = r
}

func (m model) clone() model {
	c := model{}
	for folder, messages := range m {
		c[folder] = maps.Clone(messages)
	}
	return c
}

// folder and digest follow the rule of the doc comment from scratch.
func (m model) folder(path string) agreed.Folder {
	f := agreed.Folder{Path: path, Count: len(m[path])}
	for unique, r := range m[path] {
		var b []byte
		for _, s := range []string{unique, r.Mark.Sub, r.Mark.Info} {
			b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
			b = append(b, s...)
		}
		b = append(append(b, r.Sum.Header[:]...), r.Sum.Body[:]...)
		for i, x := range sha256.Sum256(b) {
			f.Digest[i] ^= x
		}
	}
	return f
}

func (m model) digest() agreed.Digest {
	var b []byte
	for _, path := range slices.Sorted(maps.Keys(m)) {
		f := m.folder(path)
		b = binary.BigEndian.AppendUint32(b, uint32(len(path)))
		b = append(b, path...)
		b = append(b, f.Digest[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(f.Count))
	}
	return sha256.Sum256(b)
}

// fataler is what a rapid.T and a testing.T have in common.
type fataler interface{ Fatalf(string, ...any) }

// same fails unless the transaction shows just what m holds.
func same(t fataler, tx *agreed.Tx, m model) {
	if tx.Digest() != m.digest() {
		t.Fatalf("digest %v, want %v", tx.Digest(), m.digest())
	}
	total := 0
	var folders []string
	for f := range tx.Folders() {
		folders = append(folders, f.Path)
		if want := m.folder(f.Path); f != want {
			t.Fatalf("folder %v, want %v", f, want)
		}
		if alone, ok := tx.Folder(f.Path); !ok || alone != f {
			t.Fatalf("Folder(%q) is %v, %t; among all %v", f.Path, alone, ok, f)
		}
		var names []string
		for unique, r := range tx.Each(f.Path) {
			names = append(names, unique)
			if want, ok := m[f.Path][unique]; !ok || r != want {
				t.Fatalf("%s/%s is %+v, want %+v", f.Path, unique, r, want)
			}
			if got, ok := tx.Get(agreed.Key{Folder: f.Path, Unique: unique}); !ok || got != r {
				t.Fatalf("%s/%s: Get has %+v, %t, Each %+v", f.Path, unique, got, ok, r)
			}
		}
		if want := slices.Sorted(maps.Keys(m[f.Path])); !slices.Equal(names, want) {
			t.Fatalf("%s has %q, want %q", f.Path, names, want)
		}
		total += len(names)
	}
	if want := slices.Sorted(maps.Keys(m)); !slices.Equal(folders, want) {
		t.Fatalf("folders %q, want %q", folders, want)
	}
	if tx.Len() != total {
		t.Fatalf("Len %d, want %d", tx.Len(), total)
	}
	if err := tx.Err(); err != nil {
		t.Fatalf("%v", err)
	}
}

// The generators are made anew for each test: rapid's can't be shared.

func uniqueNames() *rapid.Generator[string] { return rapid.StringMatching(`[a-c]{1,2}(:2,S)?`) }

func records() *rapid.Generator[agreed.Record] {
	digests := rapid.Custom(func(t *rapid.T) (d agreed.Digest) {
		copy(d[:], rapid.SliceOfN(rapid.Byte(), len(d), len(d)).Draw(t, "digest"))
		return d
	})
	return rapid.Custom(func(t *rapid.T) agreed.Record {
		r := agreed.Record{
			Mark: agreed.Mark{
				Sub:  rapid.SampledFrom([]string{"cur", "new"}).Draw(t, "sub"),
				Info: rapid.SampledFrom([]string{"", ":2,", ":2,S", ":2,FRS"}).Draw(t, "info"),
			},
			Size: rapid.Int64().Draw(t, "size"),
		}
		if rapid.Bool().Draw(t, "read") {
			r.Sum = agreed.Sum{Header: digests.Draw(t, "header"), Body: digests.Draw(t, "body")}
		}
		if rapid.Bool().Draw(t, "seen") {
			r.Seen = agreed.Seen{Mtime: rapid.Int64().Draw(t, "mtime"), Size: rapid.Int64().Draw(t, "seen size"), Ino: rapid.Uint64().Draw(t, "ino")}
		}
		return r
	})
}

// TestStoreIsItsModel runs random transactions, some rolled back, with the store
// released and opened again between them.
func TestStoreIsItsModel(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	undo := errors.New("undo")
	folders := rapid.SampledFrom([]string{"Mail", "Mail/.work", "Mail/.work.a", "mail/été", "x"})
	uniques, records := uniqueNames(), records()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, "state")
		os.Remove(path)
		db, err := agreed.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { db.Close() }()
		m := model{}
		for range rapid.IntRange(1, 8).Draw(t, "transactions") {
			next := m.clone()
			err := db.Update(func(tx *agreed.Tx) error {
				for range rapid.IntRange(0, 12).Draw(t, "steps") {
					k := agreed.Key{Folder: folders.Draw(t, "folder"), Unique: uniques.Draw(t, "unique")}
					var err error
					switch rapid.IntRange(0, 9).Draw(t, "step") {
					case 0:
						err = tx.DropFolder(k.Folder)
						delete(next, k.Folder)
					case 1:
						err = tx.AddFolder(k.Folder)
						if next[k.Folder] == nil {
							next[k.Folder] = map[string]agreed.Record{}
						}
					case 2, 3:
						err = tx.Delete(k)
						delete(next[k.Folder], k.Unique)
					default:
						r := records.Draw(t, "record")
						err = tx.Put(k, r)
						next.put(k, r)
					}
					if err != nil {
						return err
					}
				}
				same(t, tx, next)
				if rapid.IntRange(0, 3).Draw(t, "roll back") == 0 {
					return undo
				}
				return nil
			})
			switch {
			case err == nil:
				m = next
			case !errors.Is(err, undo):
				t.Fatal(err)
			}
			switch rapid.IntRange(0, 3).Draw(t, "between") {
			case 0:
				err = db.Release()
			case 1:
				err = db.Close()
				if err == nil {
					db, err = agreed.Open(path)
				}
			default:
				err = nil
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := db.View(func(tx *agreed.Tx) error { same(t, tx, m); return nil }); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestDigestForgetsHistory: the same state has the same digest, whatever way and
// in whatever order it came about, and whatever one end's file system says.
func TestDigestForgetsHistory(t *testing.T) {
	t.Parallel()
	db, uniques, records := openNew(t), uniqueNames(), records()
	rapid.Check(t, func(t *rapid.T) {
		messages := rapid.MapOfN(uniques, records, 1, 12).Draw(t, "messages")
		names := rapid.Permutation(slices.Sorted(maps.Keys(messages))).Draw(t, "order")
		err := db.Update(func(tx *agreed.Tx) error {
			put := func(folder, unique string, r agreed.Record) {
				if err := tx.Put(agreed.Key{Folder: folder, Unique: unique}, r); err != nil {
					t.Fatal(err)
				}
			}
			for _, folder := range []string{"a", "b"} {
				if err := tx.DropFolder(folder); err != nil {
					t.Fatal(err)
				}
			}
			for unique, r := range messages {
				put("a", unique, r)
			}
			put("b", "gone", records.Draw(t, "gone"))
			for _, unique := range names {
				put("b", unique, records.Draw(t, "before"))
				r := messages[unique]
				r.Size, r.Seen = 1, agreed.Seen{Ino: 2}
				put("b", unique, r)
			}
			if err := tx.Delete(agreed.Key{Folder: "b", Unique: "gone"}); err != nil {
				t.Fatal(err)
			}
			a, _ := tx.Folder("a")
			b, _ := tx.Folder("b")
			if a.Digest != b.Digest || a.Count != b.Count {
				t.Fatalf("%v and %v", a, b)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestDigestSeesWhatCounts: each part of a message that both ends have changes it.
func TestDigestSeesWhatCounts(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	base := agreed.Record{Mark: agreed.Mark{Sub: "cur", Info: ":2,S"}, Sum: agreed.Sum{Header: agreed.Digest{1}, Body: agreed.Digest{2}}}
	seen := map[agreed.Digest]string{}
	for what, c := range map[string]struct {
		key    agreed.Key
		change func(*agreed.Record)
	}{
		"nothing": {agreed.Key{Folder: "Mail", Unique: "1"}, func(*agreed.Record) {}},
		"folder":  {agreed.Key{Folder: "Mail2", Unique: "1"}, func(*agreed.Record) {}},
		"unique":  {agreed.Key{Folder: "Mail", Unique: "2"}, func(*agreed.Record) {}},
		"sub":     {agreed.Key{Folder: "Mail", Unique: "1"}, func(r *agreed.Record) { r.Mark.Sub = "new" }},
		"info":    {agreed.Key{Folder: "Mail", Unique: "1"}, func(r *agreed.Record) { r.Mark.Info = ":2," }},
		"header":  {agreed.Key{Folder: "Mail", Unique: "1"}, func(r *agreed.Record) { r.Sum.Header[31]++ }},
		"body":    {agreed.Key{Folder: "Mail", Unique: "1"}, func(r *agreed.Record) { r.Sum.Body[31]++ }},
		"swap":    {agreed.Key{Folder: "Mail", Unique: "1"}, func(r *agreed.Record) { r.Sum.Header, r.Sum.Body = r.Sum.Body, r.Sum.Header }},
	} {
		err := db.Update(func(tx *agreed.Tx) error {
			r := base
			c.change(&r)
			if err := errors.Join(tx.DropFolder("Mail"), tx.DropFolder("Mail2"), tx.Put(c.key, r)); err != nil {
				return err
			}
			if other, ok := seen[tx.Digest()]; ok {
				t.Errorf("%s and %s have one digest", what, other)
			}
			seen[tx.Digest()] = what
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDigestGolden(t *testing.T) {
	t.Parallel()
	err := openNew(t).Update(func(tx *agreed.Tx) error {
		const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
		if got := tx.Digest().String(); got != empty {
			t.Errorf("empty state: %s, want %s", got, empty)
		}
		if err := tx.AddFolder("Mail/.empty"); err != nil {
			return err
		}
		r := agreed.Record{Mark: agreed.Mark{Sub: "cur", Info: ":2,S"}, Sum: agreed.Sum{Header: sha256.Sum256([]byte("A: b\n\n")), Body: sha256.Sum256([]byte("c\n"))}}
		if err := tx.Put(agreed.Key{Folder: "Mail", Unique: "1.a.host"}, r); err != nil {
			return err
		}
		const want = "32d26db68089eb698fb456c5fa7879a49e1bc235a49be34411aa262eb88c4e3b"
		if got := tx.Digest().String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestWriteWhileIterating: no message is skipped or seen twice.
func TestWriteWhileIterating(t *testing.T) {
	t.Parallel()
	err := openNew(t).Update(func(tx *agreed.Tx) error {
		m := model{}
		for i := range 2000 {
			k := agreed.Key{Folder: "Mail", Unique: string(binary.BigEndian.AppendUint32([]byte("m"), 0x41414141+uint32(i%26)+uint32(i/26%26)<<8+uint32(i/676)<<16))}
			r := agreed.Record{Mark: agreed.Mark{Sub: "new"}}
			m.put(k, r)
			if err := tx.Put(k, r); err != nil {
				return err
			}
		}
		names := slices.Sorted(maps.Keys(m["Mail"]))
		var got []string
		for unique, r := range tx.Each("Mail") {
			got = append(got, unique)
			k := agreed.Key{Folder: "Mail", Unique: unique}
			if len(got)%2 == 0 {
				delete(m["Mail"], unique)
				if err := tx.Delete(k); err != nil {
					return err
				}
				continue
			}
			r.Mark = agreed.Mark{Sub: "cur", Info: ":2,S"}
			m.put(k, r)
			if err := tx.Put(k, r); err != nil {
				return err
			}
		}
		if !slices.Equal(got, names) {
			t.Errorf("%d names, want %d", len(got), len(names))
		}
		same(t, tx, m)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestMeta(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	value := []byte("v")
	err := db.Update(func(tx *agreed.Tx) error {
		before := tx.Digest()
		err := errors.Join(tx.SetMeta("name", value), tx.SetMeta("other", []byte{}), tx.SetMeta("gone", value), tx.SetMeta("gone", nil))
		value[0] = 'x' // the store has its own
		if tx.Digest() != before {
			t.Error("meta is in the digest")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Release(); err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *agreed.Tx) error {
		if got := tx.Meta("name"); !bytes.Equal(got, []byte("v")) {
			t.Errorf("name: %q", got)
		}
		if got := tx.Meta("other"); got == nil || len(got) != 0 {
			t.Errorf("other: %q", got)
		}
		if got := tx.Meta("gone"); got != nil {
			t.Errorf("gone: %q", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	k := agreed.Key{Folder: "Mail", Unique: "1"}
	r := agreed.Record{Mark: agreed.Mark{Sub: "cur"}}
	writes := func(tx *agreed.Tx) map[string]error {
		return map[string]error{
			"Put": tx.Put(k, r), "Delete": tx.Delete(k), "AddFolder": tx.AddFolder("x"),
			"DropFolder": tx.DropFolder("Mail"), "SetMeta": tx.SetMeta("n", []byte("v")),
		}
	}
	var ended *agreed.Tx
	err := db.View(func(tx *agreed.Tx) error {
		ended = tx
		for name, err := range writes(tx) {
			if err == nil {
				t.Errorf("%s in a View", name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range writes(ended) {
		if err == nil {
			t.Errorf("%s after the end", name)
		}
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("an ended transaction answers")
			}
		}()
		ended.Len()
	}()
	err = db.Update(func(tx *agreed.Tx) error {
		for _, bad := range []agreed.Key{
			{Folder: "Mail"},
			{Unique: "1"},
			{Folder: "/Mail", Unique: "1"},
			{Folder: "a/../b", Unique: "1"},
			{Folder: "Mail", Unique: "a/b"},
			{Folder: "Mail", Unique: ".."},
			{Folder: "Mail", Unique: "a\nb"},
			{Folder: "Mail", Unique: strings.Repeat("x", 256)},
		} {
			if err := tx.Put(bad, r); err == nil {
				t.Errorf("Put(%q)", bad)
			}
			if err := tx.Delete(bad); err != nil {
				t.Errorf("Delete(%q): %v", bad, err)
			}
			if _, ok := tx.Get(bad); ok {
				t.Errorf("Get(%q)", bad)
			}
		}
		if err := tx.Put(k, agreed.Record{Mark: agreed.Mark{Sub: "tmp"}}); err == nil {
			t.Error("Put in tmp")
		}
		for range tx.Each("nowhere") {
			t.Error("a message of no folder")
		}
		return errors.Join(tx.DropFolder("nowhere"), tx.Err())
	})
	if err != nil {
		t.Fatal(err)
	}
	// A panic of the caller passes, and nothing of it stays.
	func() {
		defer func() {
			if p := recover(); p != "mine" {
				t.Errorf("panic %v", p)
			}
		}()
		db.Update(func(tx *agreed.Tx) error {
			if err := tx.Put(k, r); err != nil {
				t.Error(err)
			}
			panic("mine")
		})
	}()
	if err := db.View(func(tx *agreed.Tx) error {
		if _, ok := tx.Get(k); ok {
			t.Error("a transaction that panicked was committed")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.View(func(*agreed.Tx) error { return nil }); !fault.Is(err, fault.Internal) {
		t.Errorf("View of a closed store: %v", err)
	}
}
