package smd2

import (
	"encoding/binary"
	"fmt"
)

const (
	// MaxFrame bounds what a frame carries, in bytes before compression.
	MaxFrame = 1 << 20
	// MaxMessage bounds a message, in bytes before compression. Those beyond a
	// frame are rare, a thousand of the longest paths, and go in several.
	MaxMessage = 16 << 20
	// MaxItems bounds every list in a message: the smallest item is one byte to
	// send and some two hundred to hold.
	MaxItems = 16 << 10
)

// The flags of a frame.
const (
	flagZstd     = 1 << iota // the payload is compressed; its plain length follows the length
	flagOptional             // whoever does not know the type skips the frame
	flagMore                 // the payload goes on in the next frame, which is of the same type
	knownFlags   = flagZstd | flagOptional | flagMore
)

const (
	shortHeader = 6  // type, flags, length of the payload (32 bits, big endian)
	longHeader  = 10 // and the plain length (32 bits, big endian), of a compressed one
)

// header is what stands before a payload.
type header struct {
	typ, flags byte
	length     int // of the payload as it travels, bytes
	plain      int // of the payload when decompressed, bytes
}

// size is how many bytes the header itself has on the wire.
func (h header) size() int {
	if h.flags&flagZstd != 0 {
		return longHeader
	}
	return shortHeader
}

func (h header) append(b []byte) []byte {
	b = append(b, h.typ, h.flags)
	b = binary.BigEndian.AppendUint32(b, uint32(h.length))
	if h.flags&flagZstd != 0 {
		b = binary.BigEndian.AppendUint32(b, uint32(h.plain))
	}
	return b
}

// parseHeader reads a header out of b, which has as many bytes as [headerSize]
// says, and checks the lengths before anybody takes memory for them.
func parseHeader(b []byte) (header, error) {
	h := header{typ: b[0], flags: b[1]}
	if unknown := h.flags &^ knownFlags; unknown != 0 {
		return h, fmt.Errorf("a frame has the unknown flags %#x", unknown)
	}
	length := binary.BigEndian.Uint32(b[2:])
	plain := length
	if h.flags&flagZstd != 0 {
		plain = binary.BigEndian.Uint32(b[shortHeader:])
	}
	if length > MaxFrame || plain > MaxFrame {
		return h, fmt.Errorf("a frame of %d bytes is announced, more than the %d allowed", max(length, plain), MaxFrame)
	}
	h.length, h.plain = int(length), int(plain)
	return h, nil
}

// headerSize says how long a header is, from its first two bytes.
func headerSize(b []byte) int { return header{flags: b[1]}.size() }
