package maildir_test

import (
	"path/filepath"
	"testing"

	"smd-applet/sync/maildir"
	"smd-applet/sync/synctest"
	"smd-applet/sync/translate"
)

// BenchmarkScan looks at 5,000 messages in 30 folders, as every start does.
func BenchmarkScan(b *testing.B) {
	const messages = 5000
	home := b.TempDir()
	_, err := synctest.Generate(filepath.Join(home, "Mail"), synctest.Options{Seed: 1, Messages: messages, Folders: 30, Tiny: true})
	if err != nil {
		b.Fatal(err)
	}
	s, err := maildir.Open(home, maildir.SameBoxes([]string{"Mail"}), translate.Identity(), false)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportAllocs()
	for b.Loop() {
		found := 0
		_, err := s.Scan(b.Context(), maildir.ScanOptions{}, func(l maildir.Listing) error {
			found += len(l.Files)
			return nil
		})
		if err != nil || found != messages {
			b.Fatalf("found %d messages: %v", found, err)
		}
	}
}

// BenchmarkSplitName takes the flags from a name and puts others there.
func BenchmarkSplitName(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		n, err := maildir.ParseName("Mail/.lists.golang/cur/1700000000.M123456P4242Q17.mailhost.example,S=4242:2,RS")
		if err != nil {
			b.Fatal(err)
		}
		if got := maildir.JoinFlags(n.Unique(), maildir.MergeFlags("S", n.Flags(), "FS")); got == "" {
			b.Fatal("no name")
		}
	}
}
