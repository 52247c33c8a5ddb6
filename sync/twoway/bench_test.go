package twoway_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/sync/synctest"
)

// told is a watch that tells what it was given.
type told struct{ files []string }

func (w *told) Changed() <-chan struct{} { return nil }
func (w *told) Live() bool               { return true }

func (w *told) Take() (files, folders []string, all bool) {
	files, w.files = w.files, nil
	return files, nil, false
}

// BenchmarkFlags has 1,000 messages all over a mailbox flagged at the server and
// synced by a resident line, on a real disk.
func BenchmarkFlags(b *testing.B) {
	const messages, flagged = 20_000, 1000
	p := newPair(b)
	p.client.home, p.side.home = b.TempDir(), b.TempDir()
	if err := os.Mkdir(filepath.Join(p.client.home, "Mail"), 0o700); err != nil {
		b.Fatal(err)
	}
	if _, err := synctest.Generate(filepath.Join(p.side.home, "Mail"), synctest.Options{Messages: messages, Folders: 60, Tiny: true}); err != nil {
		b.Fatal(err)
	}
	p.mustSync()
	ctx := context.Background()
	here, there := &told{}, &told{}
	r, err := p.resident(ctx, here, there)
	if err != nil {
		b.Fatal(err)
	}
	defer r.close()
	if _, err := r.run(ctx, p.opt); err != nil {
		b.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(p.side.home, "Mail", ".*", "cur", "*:2,*"))
	if err != nil {
		b.Fatal(err)
	}
	for round := 0; b.Loop(); round++ {
		b.StopTimer()
		for i := range flagged {
			at := (round*flagged + i) * 7919 % len(names)
			old := names[at]
			name := old + "F"
			if base, ok := strings.CutSuffix(old, "F"); ok {
				name = base
			}
			if err := os.Rename(old, name); err != nil {
				b.Fatal(err)
			}
			names[at] = name
			for _, n := range []string{old, name} {
				rel, _ := filepath.Rel(p.side.home, n)
				there.files = append(there.files, rel)
			}
		}
		b.StartTimer()
		res, err := r.run(ctx, p.opt)
		if err != nil || res.Here.Flagged != flagged {
			b.Fatal(res, err)
		}
	}
}
