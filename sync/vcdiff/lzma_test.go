package vcdiff

import (
	"bytes"
	"errors"
	"runtime"
	"testing"

	"github.com/ulikunitz/xz"
)

// compressed makes a section of an .xz stream, of blocks of that size.
func compressed(t *testing.T, plain []byte, block int64) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.WriterConfig{BlockSize: block, DictCap: 1 << 20}.NewWriter(&b)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return append(appendVarint(nil, uint64(len(plain))), b.Bytes()...)
}

// A stream is one block, in however many sections it comes: a second one may ask for
// a dictionary of any size, which is taken at once.
func TestSecondBlockIsRefused(t *testing.T) {
	t.Parallel()
	_, plain := dbLike(3000, 1)
	one, two := compressed(t, plain, 1<<30), compressed(t, plain, int64(len(plain)/2)+1)
	got, err := new(lzmaStream).section(one)
	if err != nil || !bytes.Equal(got, plain) {
		t.Errorf("one block: %v", err)
	}
	if _, err := new(lzmaStream).section(two); !errors.Is(err, ErrFormat) {
		t.Errorf("two blocks: %v", err)
	}
	// Byte by byte, as sections may cut it anywhere.
	for name, stream := range map[string][]byte{"one": one, "two": two} {
		s := &section{stream}
		if _, err := s.varint(); err != nil {
			t.Fatal(err)
		}
		var o oneBlock
		o.open(s.rest)
		err := o.check(s.rest[:1])
		for _, b := range s.rest[1:] {
			err = errors.Join(err, o.check([]byte{b}))
		}
		if (err != nil) != (name == "two") {
			t.Errorf("%s, byte by byte: %v", name, err)
		}
	}
}

// What a section says of its size takes no memory; a bomb takes no more than a
// section may have.
func TestBombsTakeNoMemory(t *testing.T) {
	for name, c := range map[string]struct {
		section []byte
		most    uint64 // bytes
	}{
		"a size that is not there": {append(appendVarint(nil, maxSection), compressed(t, make([]byte, 10), 1<<30)[1:]...), 8 << 20},
		"a size beyond all":        {append(appendVarint(nil, maxSection+1), compressed(t, make([]byte, 10), 1<<30)[1:]...), 1 << 20},
		"1 MiB said, 4 there":      {append(appendVarint(nil, 1<<20), compressed(t, make([]byte, 4<<20), 1<<30)[4:]...), 8 << 20},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := new(lzmaStream).section(c.section)
		runtime.ReadMemStats(&after)
		took := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %d bytes were sent, %d allocated: %v", name, len(c.section), took, err)
		if took > c.most {
			t.Errorf("%s: allocated %d bytes, want %d at most", name, took, c.most)
		}
	}
}
