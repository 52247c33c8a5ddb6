package maildir

import (
	"bytes"
	"crypto/sha1" // the digest smd 1.3 speaks; it identifies, it does not protect
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Digest is the SHA-1 of a header or a body.
type Digest [sha1.Size]byte

// String returns the digest in lower-case hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest reads 40 hex digits.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if len(s) != hex.EncodedLen(len(d)) {
		return d, fmt.Errorf("bad digest %q: want 40 hex digits", clip(s))
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return d, fmt.Errorf("bad digest %q: %w", s, err)
	}
	return d, nil
}

// Sum identifies a message by content: the digests of its header (all bytes up
// to and including the first empty line) and of its body (smd 1.3, spec §2).
type Sum struct {
	Header, Body Digest
}

// ErrNotMessage is returned for content without an empty line; [ErrEmpty] for none.
var (
	ErrNotMessage = errors.New("not a message: it has no empty line after a header")
	ErrEmpty      = errors.New("empty file")
)

// Hasher computes a [Sum] of what is written to it.
type Hasher struct {
	header, body hash.Hash
	inBody       bool
	newline      bool // the last header byte was '\n'
	headerLen    int64
	size         int64
}

// NewHasher returns a Hasher; [Hasher.Reset] makes it good for another message.
func NewHasher() *Hasher { return &Hasher{header: sha1.New(), body: sha1.New()} }

// Reset forgets all that was written.
func (h *Hasher) Reset() {
	h.header.Reset()
	h.body.Reset()
	h.inBody, h.newline, h.headerLen, h.size = false, false, 0, 0
}

// Write never fails.
func (h *Hasher) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	h.size += int64(len(p))
	rest := p
	if !h.inBody {
		end := h.headerEnd(p)
		if end < 0 {
			end = len(p)
			h.newline = len(p) > 0 && p[len(p)-1] == '\n'
		} else {
			h.inBody = true
		}
		h.header.Write(p[:end])
		h.headerLen += int64(end)
		rest = p[end:]
	}
	h.body.Write(rest)
	return len(p), nil
}

// headerEnd returns the index behind the first empty line that ends in p, or -1.
func (h *Hasher) headerEnd(p []byte) int {
	if h.newline && len(p) > 0 && p[0] == '\n' {
		return 1
	}
	if i := bytes.Index(p, []byte("\n\n")); i >= 0 {
		return i + 2
	}
	return -1
}

// Size returns the number of bytes written.
func (h *Hasher) Size() int64 { return h.size }

// HeaderLen returns the length of the header in bytes, the empty line included.
func (h *Hasher) HeaderLen() int64 { return h.headerLen }

// Sum returns the digests, or [ErrEmpty] or [ErrNotMessage].
func (h *Hasher) Sum() (Sum, error) {
	var s Sum
	switch {
	case h.size == 0:
		return s, ErrEmpty
	case !h.inBody:
		return s, ErrNotMessage
	}
	h.header.Sum(s.Header[:0])
	h.body.Sum(s.Body[:0])
	return s, nil
}

// bufferSize is what one read of a message asks for: most messages fit.
const bufferSize = 32 << 10

// SumReader reads r to its end and returns the message's digests.
func SumReader(r io.Reader) (Sum, error) {
	h := NewHasher()
	if _, err := io.CopyBuffer(h, onlyReader{r}, make([]byte, bufferSize)); err != nil {
		return Sum{}, err
	}
	return h.Sum()
}

// onlyReader hides WriteTo, which would bypass the buffer.
type onlyReader struct{ io.Reader }
