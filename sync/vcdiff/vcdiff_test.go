package vcdiff

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

// dbLike makes a db-file of n lines and a later one: some lines gone, some new.
func dbLike(n int, seed uint64) (before, after []byte) {
	r := rand.New(rand.NewPCG(seed, 1))
	line := func(b []byte, i int) []byte {
		return fmt.Appendf(b, "%016x%016x%08x %016x%016x%08x Maildir/.list.%d/cur/17%08d.M%dP77.host:2,S\n",
			r.Uint64(), r.Uint64(), r.Uint32(), r.Uint64(), r.Uint64(), r.Uint32(), i%60, i, r.IntN(1e6))
	}
	for i := range n {
		l := line(nil, i)
		before = append(before, l...)
		if r.IntN(500) > 0 {
			after = append(after, l...)
		}
	}
	for i := range n / 100 {
		after = line(after, n+i)
	}
	return before, after
}

func encode(t testing.TB, before, after []byte) []byte {
	t.Helper()
	var patch bytes.Buffer
	if err := Encode(&patch, bytes.NewReader(before), int64(len(before)), bytes.NewReader(after)); err != nil {
		t.Fatal(err)
	}
	return patch.Bytes()
}

func decode(before, patch []byte) ([]byte, error) {
	var out bytes.Buffer
	err := Decode(&out, bytes.NewReader(before), int64(len(before)), bytes.NewReader(patch), Limits{})
	return out.Bytes(), err
}

// An edit costs what it changes, not what is there.
func TestPatchInProportion(t *testing.T) {
	t.Parallel()
	before, after := dbLike(20000, 1)
	patch := encode(t, before, after)
	if most := len(before) / 50; len(patch) > most {
		t.Errorf("patch of %d bytes, want at most %d", len(patch), most)
	}
	got, err := decode(before, patch)
	if err != nil || !bytes.Equal(got, after) {
		t.Fatalf("decode: %v, equal %v", err, bytes.Equal(got, after))
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.SliceOfN(rapid.ByteRange('a', 'c'), 0, 4000).Draw(t, "before")
		after := append([]byte(nil), before...)
		for range rapid.IntRange(0, 5).Draw(t, "edits") {
			at := rapid.IntRange(0, len(after)).Draw(t, "at")
			cut := rapid.IntRange(at, len(after)).Draw(t, "cut")
			in := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "in")
			after = append(append(append([]byte(nil), after[:at]...), in...), after[cut:]...)
		}
		var patch bytes.Buffer
		if err := Encode(&patch, bytes.NewReader(before), int64(len(before)), bytes.NewReader(after)); err != nil {
			t.Fatal(err)
		}
		got, err := decode(before, patch.Bytes())
		if err != nil || !bytes.Equal(got, after) {
			t.Fatalf("%v: got %q, want %q", err, got, after)
		}
	})
}

// xdelta3 returns the real program's path.
func xdelta3(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("xdelta3")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("xdelta3 is missing: install the package xdelta3")
		}
		t.Skip("xdelta3 is not installed")
	}
	return path
}

func write(t *testing.T, b []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestStockDecodesOurs(t *testing.T) {
	t.Parallel()
	program := xdelta3(t)
	small, large := [2][]byte{}, [2][]byte{}
	small[0], small[1] = dbLike(100, 2)
	large[0], large[1] = dbLike(150000, 3)
	for name, pair := range map[string][2][]byte{
		"small": small, "several windows": large,
		"first sync": {nil, small[1]}, "emptied": {small[0], nil}, "no change": {small[0], small[0]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(program, "-d", "-c", "-s", write(t, pair[0]), write(t, encode(t, pair[0], pair[1])))
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			got, err := cmd.Output()
			if err != nil || !bytes.Equal(got, pair[1]) {
				t.Fatalf("xdelta3 -d: %v: %s: %d bytes, want %d", err, stderr.Bytes(), len(got), len(pair[1]))
			}
		})
	}
}

func TestWeDecodeStock(t *testing.T) {
	t.Parallel()
	program := xdelta3(t)
	small, large := [2][]byte{}, [2][]byte{}
	small[0], small[1] = dbLike(3000, 4)
	large[0], large[1] = dbLike(180000, 5) // over 20 MB: three windows of 8 MiB
	for _, options := range [][]string{{}, {"-S", "none"}, {"-S", "lzma", "-9"}, {"-A="}, {"-n"}, {"-0"}, {"-S", "none", "-1"}} {
		for name, pair := range map[string][2][]byte{
			"small": small, "several windows": large,
			"first sync": {nil, large[1]}, "emptied": {small[0], nil}, "no change": {small[0], small[0]},
		} {
			if name == "first sync" && len(options) > 0 && options[0] != "-S" {
				continue // the same path as the others, and slow to make
			}
			t.Run(fmt.Sprint(name, options), func(t *testing.T) {
				t.Parallel()
				args := append(append([]string{"-e", "-c"}, options...), "-s", write(t, pair[0]), write(t, pair[1]))
				patch, err := exec.Command(program, args...).Output()
				if err != nil {
					t.Fatal(err)
				}
				got, err := decode(pair[0], patch)
				if err != nil || !bytes.Equal(got, pair[1]) {
					t.Fatalf("%v: %d bytes, want %d", err, len(got), len(pair[1]))
				}
			})
		}
	}
}

// A stock server set up with another compressor gets told what to change.
func TestDJWRefused(t *testing.T) {
	t.Parallel()
	before, after := dbLike(3000, 6)
	patch, err := exec.Command(xdelta3(t), "-e", "-c", "-S", "djw", "-s", write(t, before), write(t, after)).Output()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode(before, patch); !errors.Is(err, ErrUnsupported) || !bytes.Contains([]byte(err.Error()), []byte("-S")) {
		t.Errorf("got %v", err)
	}
}

// Against another source the checksum, or a bound, tells.
func TestWrongSource(t *testing.T) {
	t.Parallel()
	before, after := dbLike(3000, 7)
	patch, err := exec.Command(xdelta3(t), "-e", "-c", "-s", write(t, before), write(t, after)).Output()
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.ToUpper(before)
	for _, source := range [][]byte{other, before[:1000], nil} {
		if _, err := decode(source, patch); !errors.Is(err, ErrFormat) {
			t.Errorf("source of %d bytes: %v", len(source), err)
		}
	}
}

func TestTargetLimit(t *testing.T) {
	t.Parallel()
	patch := encode(t, nil, make([]byte, 1<<20))
	err := Decode(&bytes.Buffer{}, bytes.NewReader(nil), 0, bytes.NewReader(patch), Limits{Target: 1<<20 - 1})
	if !errors.Is(err, ErrFormat) {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	before, after := dbLike(20, 8)
	f.Add(encode(f, before, after))
	golden, err := filepath.Glob("testdata/*.vcdiff")
	if err != nil {
		f.Fatal(err)
	}
	for _, g := range golden {
		b, err := os.ReadFile(g)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, patch []byte) {
		var out bytes.Buffer
		err := Decode(&out, bytes.NewReader(before), int64(len(before)), bytes.NewReader(patch), Limits{Target: 1 << 20})
		if out.Len() > 1<<20 {
			t.Errorf("%d bytes made", out.Len())
		}
		if err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrUnsupported) {
			t.Errorf("unclassified: %v", err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	before, after := dbLike(100000, 9)
	b.SetBytes(int64(len(after)))
	for b.Loop() {
		encode(b, before, after)
	}
}

func BenchmarkDecode(b *testing.B) {
	before, after := dbLike(100000, 10)
	patch := encode(b, before, after)
	b.SetBytes(int64(len(after)))
	for b.Loop() {
		if _, err := decode(before, patch); err != nil {
			b.Fatal(err)
		}
	}
}
