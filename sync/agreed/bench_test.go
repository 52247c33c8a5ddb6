package agreed_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"smd-applet/sync/agreed"
)

const (
	benchFolders = 20
	benchBatch   = 2048
)

// benchKey returns key i of n, in byte order: 20 folders, names as deliveries
// give them.
func benchKey(i, n int) agreed.Key {
	return agreed.Key{
		Folder: fmt.Sprintf("Mail/.folder%02d", i/(n/benchFolders)),
		Unique: fmt.Sprintf("%d.M%06dP%dQ%d.mailhost.example", 1_500_000_000+i*37, i*7919%1_000_000, i%30_000, i),
	}
}

func benchRecord(i int) agreed.Record {
	r := agreed.Record{Mark: agreed.Mark{Sub: "cur", Info: ":2,S"}, Size: int64(4000 + i%9000)}
	binary.BigEndian.PutUint64(r.Sum.Header[:], uint64(i)*0x9e3779b97f4a7c15+1)
	binary.BigEndian.PutUint64(r.Sum.Body[:], uint64(i)*0xbf58476d1ce4e5b9+1)
	r.Seen = agreed.Seen{Mtime: 1_700_000_000_000_000_000 + int64(i)*1_000_003, Size: r.Size, Ino: uint64(2_000_000 + i)}
	return r
}

// load puts n messages in order, a batch a transaction.
func load(b *testing.B, db *agreed.DB, n int) {
	for from := 0; from < n; from += benchBatch {
		err := db.Update(func(tx *agreed.Tx) error {
			for i := from; i < min(from+benchBatch, n); i++ {
				if err := tx.Put(benchKey(i, n), benchRecord(i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// sizes runs f for each size of a mailbox; -short leaves out the large one.
func sizes(b *testing.B, f func(b *testing.B, n int)) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("messages=%d", n), func(b *testing.B) {
			if testing.Short() && n > 100_000 {
				b.Skip("short")
			}
			f(b, n)
		})
	}
}

// onLoaded runs f with a loaded store.
func onLoaded(b *testing.B, f func(b *testing.B, db *agreed.DB, n int)) {
	sizes(b, func(b *testing.B, n int) {
		db := openNew(b)
		load(b, db, n)
		b.ResetTimer()
		f(b, db, n)
	})
}

// BenchmarkLoad loads a whole mailbox, and tells how large the file is.
func BenchmarkLoad(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		path := filepath.Join(b.TempDir(), "state")
		for b.Loop() {
			os.Remove(path)
			db, err := agreed.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			load(b, db, n)
			if err := db.Close(); err != nil {
				b.Fatal(err)
			}
		}
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(info.Size())/float64(n), "file-B/message")
	})
}

// BenchmarkEach reads a whole mailbox.
func BenchmarkEach(b *testing.B) {
	onLoaded(b, func(b *testing.B, db *agreed.DB, n int) {
		b.ReportAllocs()
		for b.Loop() {
			seen := 0
			err := db.View(func(tx *agreed.Tx) error {
				for f := range tx.Folders() {
					for range tx.Each(f.Path) {
						seen++
					}
				}
				return nil
			})
			if err != nil || seen != n {
				b.Fatal(seen, err)
			}
		}
	})
}

// BenchmarkGet reads one message somewhere.
func BenchmarkGet(b *testing.B) {
	onLoaded(b, func(b *testing.B, db *agreed.DB, n int) {
		err := db.View(func(tx *agreed.Tx) error {
			for i := 0; b.Loop(); i++ {
				if _, ok := tx.Get(benchKey(i*7919%n, n)); !ok {
					b.Fatal("a message is missing")
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkUpdate changes the flags of messages all over a mailbox, durably.
func BenchmarkUpdate(b *testing.B) {
	for _, changes := range []int{1, 1000} {
		b.Run(fmt.Sprintf("changes=%d", changes), func(b *testing.B) {
			onLoaded(b, func(b *testing.B, db *agreed.DB, n int) {
				for round := 0; b.Loop(); round++ {
					err := db.Update(func(tx *agreed.Tx) error {
						for j := range changes {
							i := (round*changes + j) * 7919 % n
							r := benchRecord(i)
							r.Mark.Info = []string{":2,RS", ":2,FS"}[round%2]
							r.Size = int64(round)
							if err := tx.Put(benchKey(i, n), r); err != nil {
								return err
							}
						}
						return nil
					})
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// BenchmarkDigest compares states: open, digest, release, as an idle agent does
// when it is asked.
func BenchmarkDigest(b *testing.B) {
	onLoaded(b, func(b *testing.B, db *agreed.DB, n int) {
		for b.Loop() {
			err := db.View(func(tx *agreed.Tx) error { tx.Digest(); return nil })
			if err != nil {
				b.Fatal(err)
			}
			if err := db.Release(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkHasher hashes a message of 10 kB.
func BenchmarkHasher(b *testing.B) {
	message := make([]byte, 10_000)
	copy(message, "Subject: one\n\n")
	for _, legacy := range []bool{false, true} {
		b.Run(fmt.Sprintf("legacy=%t", legacy), func(b *testing.B) {
			h := agreed.NewHasher(legacy)
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			for b.Loop() {
				h.Reset()
				h.Write(message)
				if _, err := h.Sum(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
