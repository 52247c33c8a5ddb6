package smd2

import (
	"fmt"
	"testing"

	"smd-applet/sync/agreed"
)

// prose is text of n bytes, about as repetitive as mail.
func prose(seed uint64, n int) []byte {
	var b []byte
	for _, r := range random(seed, n/4) {
		b = fmt.Appendf(b, "%s%d ", [...]string{"on ", "a message ", "they ", "wrote\r\n> ", "folder ", "Tuesday, ", "to "}[r%7], r)
	}
	return b[:n]
}

// BenchmarkBodies is a first sync's hot path, both ends of it on one core: messages
// of 11 KB, some ninety to a frame.
func BenchmarkBodies(b *testing.B) {
	const size, each = 11 << 10, 90
	for name, c := range map[string]struct {
		content func(seed uint64, n int) []byte
		options Options
	}{
		"noise":      {random, Options{}},
		"text":       {prose, Options{}},
		"text plain": {prose, Options{Uncompressed: true}},
	} {
		b.Run(name, func(b *testing.B) {
			var parts []Part
			for i := range each {
				parts = append(parts, Part{ID: uint64(i), Data: c.content(uint64(i), size), Last: true})
			}
			conn, _ := pipe(c.options)
			b.SetBytes(size * each)
			b.ReportAllocs()
			for b.Loop() {
				through(b, conn, &Bodies{Parts: parts})
			}
			t := conn.Traffic()
			b.ReportMetric(float64(t.SentWire)/float64(t.Sent), "wire/plain")
		})
	}
}

// BenchmarkListing is the other large thing: the agreed state of a folder.
func BenchmarkListing(b *testing.B) {
	entries := make([]agreed.Entry, 5000)
	for i := range entries {
		e := &entries[i]
		e.Key.Folder, e.Key.Unique, e.Mark.Sub, e.Mark.Info, e.Size = "Mail/.work", "1700000000.M1P2.host", "cur", ":2,S", 11000
		copy(e.Sum.Header[:], random(uint64(i), 32))
		copy(e.Sum.Body[:], random(uint64(i)+1<<32, 32))
	}
	conn, _ := pipe(Options{})
	b.ReportAllocs()
	for b.Loop() {
		through(b, conn, &Listing{Entries: entries})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(entries)), "ns/entry")
}
