package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"testing"
)

// BenchmarkReference is work that no change to this program touches, of the kinds
// that its hot paths are made of: what it tells is how fast the machine is.
func BenchmarkReference(b *testing.B) {
	content := make([]byte, 256<<10)
	names := make([]string, 5000)
	dir := b.TempDir()
	for i := range 200 {
		if err := os.WriteFile(fmt.Sprintf("%s/%d", dir, i), nil, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		sum := sha256.Sum256(content)
		for i := range names {
			names[i] = fmt.Sprintf("%x.%d", sum[i%len(sum)], i*7919%len(names))
		}
		slices.Sort(names)
		entries, err := os.ReadDir(dir)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range entries {
			if _, err := e.Info(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
