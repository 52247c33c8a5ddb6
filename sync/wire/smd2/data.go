package smd2

import (
	"errors"
)

// Data is content of a message. What [Conn.Receive] returns lies in the Conn's own
// buffer and is valid until the next call of it: content is most of what travels
// and is not copied.
type Data []byte

var errNotBytes = errors.New("content is no byte string")

// UnmarshalCBOR takes the bytes of one well-formed CBOR item without copying them.
func (d *Data) UnmarshalCBOR(item []byte) error {
	const byteString = 2 << 5 // major type 2 (RFC 8949, §3.1)
	if len(item) == 0 || item[0]&0xe0 != byteString {
		return errNotBytes
	}
	head := 1
	switch length := item[0] & 0x1f; {
	case length > 27:
		return errNotBytes
	case length > 23:
		head += 1 << (length - 24)
	}
	if len(item) < head {
		return errNotBytes
	}
	*d = item[head:]
	return nil
}
