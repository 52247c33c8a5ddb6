package agreed

import (
	"crypto/sha256"
	"encoding/binary"
)

// The digests by which two ends compare what they agreed on. They cross the wire:
//
//   - of a message: SHA-256 over its unique name, sub-directory and info, each
//     behind its length (4 bytes, big-endian), then the 32 bytes each of its header
//     sum and body sum;
//   - of a folder: the exclusive or of the digests of its messages, all zero when
//     it has none;
//   - of the state: SHA-256 over all folders in byte order of their paths, for
//     each the path behind its length (4 bytes, big-endian), the folder's digest,
//     and the number of its messages (8 bytes, big-endian).
//
// Size and Seen are no part of them. A folder's digest follows from its old one
// and the messages that changed, whatever their order.

// digester computes message digests without allocating.
type digester struct {
	buf []byte
}

func (d *digester) message(unique string, r Record) Digest {
	d.buf = appendPrefixed(d.buf[:0], unique)
	d.buf = appendPrefixed(d.buf, r.Mark.Sub)
	d.buf = appendPrefixed(d.buf, r.Mark.Info)
	d.buf = append(d.buf, r.Sum.Header[:]...)
	d.buf = append(d.buf, r.Sum.Body[:]...)
	return sha256.Sum256(d.buf)
}

func appendPrefixed(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// appendFolder appends what a folder adds to the digest of the state.
func appendFolder(b []byte, f Folder) []byte {
	b = appendPrefixed(b, f.Path)
	b = append(b, f.Digest[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(f.Count))
}

func (d *Digest) xor(other Digest) {
	for i := range d {
		d[i] ^= other[i]
	}
}
