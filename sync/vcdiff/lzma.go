package vcdiff

import (
	"bytes"
	"fmt"
	"io"

	"github.com/ulikunitz/xz"
)

// lzmaStream decompresses one kind of section: a single .xz stream that runs on
// from window to window.
type lzmaStream struct {
	in    bytes.Buffer
	out   io.Reader
	block oneBlock
}

// maxDictionary bounds the memory an .xz stream may ask for, in bytes: that of
// xz -9.
const maxDictionary = 64 << 20

// section decompresses the next part of the stream: the size of the plain
// section, then .xz bytes.
func (z *lzmaStream) section(part []byte) ([]byte, error) {
	s := &section{part}
	size, err := s.varint()
	if err != nil {
		return nil, err
	}
	if size > maxSection {
		return nil, formatError("a section of %d bytes", size)
	}
	z.in.Write(s.rest)
	first := z.out == nil
	if first {
		if err := checkDictionary(z.in.Bytes()); err != nil {
			return nil, err
		}
		z.block.open(s.rest)
	}
	if err := z.block.check(s.rest); err != nil {
		return nil, err
	}
	if first {
		if z.out, err = (xz.ReaderConfig{SingleStream: true}).NewReader(&z.in); err != nil {
			return nil, fmt.Errorf("%w: LZMA section: %w", ErrFormat, err)
		}
	}
	var plain bytes.Buffer // grows by what comes, not by what is said to come
	if _, err := io.CopyN(&plain, z.out, int64(size)); err != nil {
		return nil, fmt.Errorf("%w: LZMA section: %w", ErrFormat, err)
	}
	return plain.Bytes(), nil
}

// checkDictionary looks at the first block header of an .xz stream (the .xz file
// format §2.1, §3.1): one LZMA2 filter, of a bearable dictionary.
func checkDictionary(b []byte) error {
	const blockHeader = 12
	if len(b) < blockHeader+5 {
		return formatError("an LZMA section of %d bytes", len(b))
	}
	flags, filter, props, dict := b[blockHeader+1], b[blockHeader+2], b[blockHeader+3], b[blockHeader+4]
	if flags != 0 || filter != 0x21 || props != 1 {
		return formatError("an .xz stream of an unknown kind")
	}
	if dict > 40 || int64(2|dict&1)<<(dict/2+11) > maxDictionary {
		return formatError("an .xz stream with a dictionary over %d bytes", maxDictionary)
	}
	return nil
}

// oneBlock follows the framing of an .xz stream and refuses a second block: it could
// ask for a dictionary of its own, of any size, and xdelta3 makes none.
type oneBlock struct {
	checkSize int64
	skip      int64  // bytes that come before the next that matters
	length    int64  // of the block's data so far
	head      []byte // of a chunk, as far as it came
	over      bool   // the block is
	ended     bool   // and what follows it is its index
}

// open takes note of the headers of stream and block, which checkDictionary saw.
func (o *oneBlock) open(b []byte) {
	o.checkSize = [16]int64{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}[b[7]&0x0f]
	const streamHeader = 12
	o.skip = streamHeader + (int64(b[streamHeader])+1)*4
	o.length = -o.skip
}

// check takes the next bytes of the stream (the .xz file format §3.3; LZMA2 chunks).
func (o *oneBlock) check(b []byte) error {
	for len(b) > 0 && !o.ended {
		if o.skip > 0 {
			n := min(o.skip, int64(len(b)))
			b, o.skip, o.length = b[n:], o.skip-n, o.length+n
			continue
		}
		next := b[0]
		b = b[1:]
		o.length++
		if o.over {
			if next != 0 {
				return formatError("an .xz stream of several blocks")
			}
			o.ended = true
			break
		}
		o.head = append(o.head, next)
		at := func(i int) int64 { return int64(o.head[i])<<8 | int64(o.head[i+1]) }
		switch control := o.head[0]; {
		case control == 0:
			o.over, o.skip = true, -o.length&3+o.checkSize
		case control > 2 && control < 0x80:
			return formatError("an LZMA2 chunk of kind %#x", control)
		case control <= 2 && len(o.head) == 3:
			o.skip, o.head = at(1)+1, o.head[:0]
		case control >= 0xc0 && len(o.head) == 5:
			o.skip, o.head = at(3)+2, o.head[:0] // with a byte of properties
		case control >= 0x80 && control < 0xc0 && len(o.head) == 5:
			o.skip, o.head = at(3)+1, o.head[:0]
		}
	}
	return nil
}
