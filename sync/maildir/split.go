package maildir

import (
	"bytes"
	"errors"
	"io"
)

// ErrNotMessage is returned for content without an empty line; [ErrEmpty] for none.
var (
	ErrNotMessage = errors.New("not a message: it has no empty line after a header")
	ErrEmpty      = errors.New("empty file")
)

// Splitter parts a message that is written to it: its header, all bytes up to and
// including the first empty line, goes to one writer, its body to another.
type Splitter struct {
	header, body io.Writer
	inBody       bool
	newline      bool // the last header byte was '\n'
	headerLen    int64
	size         int64
}

// NewSplitter returns a Splitter to two writers that never fail, such as hashes.
func NewSplitter(header, body io.Writer) Splitter { return Splitter{header: header, body: body} }

// Reset forgets all that was written.
func (s *Splitter) Reset() { *s = NewSplitter(s.header, s.body) }

// Write never fails.
func (s *Splitter) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.size += int64(len(p))
	rest := p
	if !s.inBody {
		end := s.headerEnd(p)
		if end < 0 {
			end = len(p)
			s.newline = p[len(p)-1] == '\n'
		} else {
			s.inBody = true
		}
		s.header.Write(p[:end])
		s.headerLen += int64(end)
		rest = p[end:]
	}
	s.body.Write(rest)
	return len(p), nil
}

// headerEnd returns the index behind the first empty line that ends in p, or -1.
func (s *Splitter) headerEnd(p []byte) int {
	if s.newline && p[0] == '\n' {
		return 1
	}
	if i := bytes.Index(p, []byte("\n\n")); i >= 0 {
		return i + 2
	}
	return -1
}

// Size returns the number of bytes written.
func (s *Splitter) Size() int64 { return s.size }

// HeaderLen returns the length of the header in bytes, the empty line included.
func (s *Splitter) HeaderLen() int64 { return s.headerLen }

// Whole returns nil for a message, [ErrEmpty] or [ErrNotMessage] for what is none.
func (s *Splitter) Whole() error {
	switch {
	case s.size == 0:
		return ErrEmpty
	case !s.inBody:
		return ErrNotMessage
	}
	return nil
}
