package maildir

import (
	"crypto/sha1" // the digest smd 1.3 speaks; it identifies, it does not protect
	"encoding/hex"
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

// Hasher computes a [Sum] of what is written to it.
type Hasher struct {
	Splitter
	header, body hash.Hash
	sum          Sum // the last result, here so that it is not allocated
}

// NewHasher returns a Hasher; [Hasher.Reset] makes it good for another message.
func NewHasher() *Hasher {
	h := &Hasher{header: sha1.New(), body: sha1.New()}
	h.Splitter = NewSplitter(h.header, h.body)
	return h
}

// Reset forgets all that was written.
func (h *Hasher) Reset() {
	h.Splitter.Reset()
	h.header.Reset()
	h.body.Reset()
}

// Sum returns the digests, or [ErrEmpty] or [ErrNotMessage].
func (h *Hasher) Sum() (Sum, error) {
	if err := h.Whole(); err != nil {
		return Sum{}, err
	}
	h.header.Sum(h.sum.Header[:0])
	h.body.Sum(h.sum.Body[:0])
	return h.sum, nil
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
