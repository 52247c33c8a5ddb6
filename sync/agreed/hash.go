package agreed

import (
	"crypto/sha1" // what smd 1.3 knows a message by
	"crypto/sha256"
	"hash"
	"io"

	"smd-applet/sync/maildir"
)

// Legacy is the [Sum] of a message of which only smd 1.3's digests are known: for
// header and body each the SHA-256 of "smd1 " and the 20 bytes of its SHA-1. A
// message imported from smd is known by it until it changes.
func Legacy(s maildir.Sum) Sum {
	return Sum{Header: legacy(s.Header), Body: legacy(s.Body)}
}

func legacy(d maildir.Digest) Digest {
	const prefix = "smd1 "
	var b [len(prefix) + len(d)]byte
	copy(b[:], prefix)
	copy(b[len(prefix):], d[:])
	return sha256.Sum256(b[:])
}

// Hasher computes the sums of a message that is written to it, in one pass.
type Hasher struct {
	maildir.Splitter
	header, body   hash.Hash
	header1, body1 hash.Hash // SHA-1, nil unless asked for
	parts          []hash.Hash

	sum  Sum // the last results, here so that they are not allocated
	sum1 maildir.Sum
}

// NewHasher returns a Hasher, for [Hasher.Legacy] too if so asked, which costs
// more than half as much again. [Hasher.Reset] makes it good for another message.
func NewHasher(legacy bool) *Hasher {
	h := &Hasher{header: sha256.New(), body: sha256.New()}
	h.parts = []hash.Hash{h.header, h.body}
	if !legacy {
		h.Splitter = maildir.NewSplitter(h.header, h.body)
		return h
	}
	h.header1, h.body1 = sha1.New(), sha1.New()
	h.parts = append(h.parts, h.header1, h.body1)
	h.Splitter = maildir.NewSplitter(io.MultiWriter(h.header, h.header1), io.MultiWriter(h.body, h.body1))
	return h
}

// Reset forgets all that was written.
func (h *Hasher) Reset() {
	h.Splitter.Reset()
	for _, part := range h.parts {
		part.Reset()
	}
}

// Sum returns the message's sum, or [maildir.ErrEmpty] or [maildir.ErrNotMessage].
func (h *Hasher) Sum() (Sum, error) {
	if err := h.Whole(); err != nil {
		return Sum{}, err
	}
	h.header.Sum(h.sum.Header[:0])
	h.body.Sum(h.sum.Body[:0])
	return h.sum, nil
}

// Legacy returns the sum the message has where it was imported: see the function
// [Legacy]. Errors are those of Sum. It panics if [NewHasher] was not asked for it.
func (h *Hasher) Legacy() (Sum, error) {
	if h.header1 == nil {
		panic("agreed: a Hasher without legacy sums is asked for one")
	}
	if err := h.Whole(); err != nil {
		return Sum{}, err
	}
	h.header1.Sum(h.sum1.Header[:0])
	h.body1.Sum(h.sum1.Body[:0])
	return Legacy(h.sum1), nil
}
