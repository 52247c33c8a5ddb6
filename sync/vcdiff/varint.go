package vcdiff

import (
	"errors"
	"fmt"
	"io"
	"math"
)

func formatError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// readVarint reads an integer as RFC 3284 §2 writes it: base 128, big end first.
func readVarint(r io.ByteReader) (uint64, error) {
	var v uint64
	for {
		b, err := r.ReadByte()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		if v > math.MaxInt64>>7 {
			return 0, formatError("an integer over 63 bits")
		}
		v = v<<7 | uint64(b&0x7f)
		if b&0x80 == 0 {
			return v, nil
		}
	}
}

func appendVarint(b []byte, v uint64) []byte {
	var digits [10]byte
	i := len(digits) - 1
	digits[i] = byte(v & 0x7f)
	for v >>= 7; v > 0; v >>= 7 {
		i--
		digits[i] = byte(v&0x7f) | 0x80
	}
	return append(b, digits[i:]...)
}

// section is one of a window's three sections, taken byte by byte.
type section struct{ rest []byte }

func (s *section) ReadByte() (byte, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return b, nil
}

func (s *section) byte() (byte, error) {
	b, err := s.ReadByte()
	if err != nil {
		return 0, formatError("a section is too short")
	}
	return b, nil
}

func (s *section) varint() (uint64, error) {
	v, err := readVarint(s)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, formatError("a section is too short")
	}
	return v, err
}

func (s *section) take(n uint64) ([]byte, error) {
	if n > uint64(len(s.rest)) {
		return nil, formatError("a section is too short")
	}
	b := s.rest[:n]
	s.rest = s.rest[n:]
	return b, nil
}
