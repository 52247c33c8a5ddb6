package history

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// Read returns the blocks of the history in dir, in the order they were written.
// What is torn or damaged is left out. An error, of a file that can't be read, is
// the last.
func Read(dir string) iter.Seq2[*Block, error] {
	return func(yield func(*Block, error) bool) {
		days, err := daysOf(dir)
		if err != nil {
			yield(nil, err)
			return
		}
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(2*maxText))
		if err != nil {
			yield(nil, err)
			return
		}
		defer dec.Close()
		for _, day := range days {
			b, err := readDay(filepath.Join(dir, day))
			if err != nil {
				yield(nil, err)
				return
			}
			for block := range blocks(b, dec) {
				if !yield(block, nil) {
					return
				}
			}
		}
	}
}

// readDay reads a file of a day, of which no more is taken than is written.
func readDay(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it was just dropped
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 2*maxDay))
}

// blocks are the whole ones in b.
func blocks(b []byte, dec *zstd.Decoder) iter.Seq[*Block] {
	return func(yield func(*Block) bool) {
		for {
			at := bytes.Index(b, magic)
			if at < 0 {
				return
			}
			b = b[at:]
			text, n, err := unpack(b, dec)
			if err != nil {
				b = b[max(n, len(magic)):] // the next begins behind it
				continue
			}
			// Of a torn block the next one's magic may have made up what was missing.
			b = b[n-len(magic)+1:]
			if block, err := parse(string(text)); err == nil && !yield(block) {
				return
			}
		}
	}
}
