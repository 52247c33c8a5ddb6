package agreed_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/agreed"
	"smd-applet/sync/maildir"
)

// legacyOf is the rule, spelled out.
func legacyOf(part string) agreed.Digest {
	old := sha1.Sum([]byte(part))
	return sha256.Sum256(append([]byte("smd1 "), old[:]...))
}

// TestHasher: however a message is cut into writes, its sums are those of its
// two parts, and those of smd 1.3 agree on where they part.
func TestHasher(t *testing.T) {
	t.Parallel()
	h, plain, old := agreed.NewHasher(true), agreed.NewHasher(false), maildir.NewHasher()
	rapid.Check(t, func(t *rapid.T) {
		header := rapid.StringMatching(`(A: b\r?\n|\n?c\n){0,3}`).Draw(t, "header")
		header, _, _ = strings.Cut(header, "\n\n")
		header = strings.TrimSuffix(header, "\n") + "\n\n"
		body := rapid.StringMatching(`[a\n]{0,6}`).Draw(t, "body")
		message := header + body
		cuts := rapid.SliceOfN(rapid.IntRange(0, len(message)), 0, 4).Draw(t, "cuts")
		slices.Sort(cuts)
		h.Reset()
		plain.Reset()
		old.Reset()
		from := 0
		for _, to := range append(cuts, len(message)) {
			for _, w := range []interface{ Write([]byte) (int, error) }{h, plain, old} {
				if n, err := w.Write([]byte(message[from:to])); n != to-from || err != nil {
					t.Fatalf("Write: %d, %v", n, err)
				}
			}
			from = to
		}
		want := agreed.Sum{Header: sha256.Sum256([]byte(header)), Body: sha256.Sum256([]byte(body))}
		for _, x := range []*agreed.Hasher{h, plain} {
			if got, err := x.Sum(); err != nil || got != want {
				t.Fatalf("%v, %v, want %v", got, err, want)
			}
			if x.Size() != int64(len(message)) || x.HeaderLen() != int64(len(header)) {
				t.Fatalf("%d bytes, %d of the header", x.Size(), x.HeaderLen())
			}
		}
		wantLegacy := agreed.Sum{Header: legacyOf(header), Body: legacyOf(body)}
		if got, err := h.Legacy(); err != nil || got != wantLegacy {
			t.Fatalf("legacy %v, %v, want %v", got, err, wantLegacy)
		}
		oldSum, err := old.Sum()
		if got := agreed.Legacy(oldSum); err != nil || got != wantLegacy {
			t.Fatalf("legacy of smd's %v, %v, want %v", got, err, wantLegacy)
		}
	})
}

func TestHasherRefuses(t *testing.T) {
	t.Parallel()
	h := agreed.NewHasher(true)
	for content, want := range map[string]error{"": maildir.ErrEmpty, "A: b\n": maildir.ErrNotMessage, "A: b\r\n\r\n": maildir.ErrNotMessage} {
		h.Reset()
		h.Write([]byte(content))
		if _, err := h.Sum(); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", content, err, want)
		}
		if _, err := h.Legacy(); !errors.Is(err, want) {
			t.Errorf("%q: legacy: %v, want %v", content, err, want)
		}
	}
}

// TestHasherAllocatesNothing is not parallel: it counts allocations.
func TestHasherAllocatesNothing(t *testing.T) {
	message := []byte("A: b\n\n" + strings.Repeat("body\n", 2000))
	for _, legacy := range []bool{false, true} {
		h := agreed.NewHasher(legacy)
		allocs := testing.AllocsPerRun(100, func() {
			h.Reset()
			h.Write(message)
			if _, err := h.Sum(); err != nil {
				t.Error(err)
			}
			if legacy {
				if _, err := h.Legacy(); err != nil {
					t.Error(err)
				}
			}
		})
		if allocs > 0 {
			t.Errorf("legacy %t: %v allocations a message", legacy, allocs)
		}
	}
}
