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
	in  bytes.Buffer
	out io.Reader
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
	if z.out == nil {
		if err := checkDictionary(z.in.Bytes()); err != nil {
			return nil, err
		}
		if z.out, err = (xz.ReaderConfig{SingleStream: true}).NewReader(&z.in); err != nil {
			return nil, fmt.Errorf("%w: LZMA section: %w", ErrFormat, err)
		}
	}
	plain := make([]byte, size)
	if _, err := io.ReadFull(z.out, plain); err != nil {
		return nil, fmt.Errorf("%w: LZMA section: %w", ErrFormat, err)
	}
	return plain, nil
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
