package agreed

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// recordFormat is the first byte of a record. The second holds the bits below;
// then come the length of Mark.Info and its bytes, Sum.Header and Sum.Body, Size,
// and Seen: Mtime, Size less the Size before, Ino. Numbers are varints as in
// encoding/binary, signed ones zigzag.
const recordFormat = 1

const (
	subNew    byte = 1 << iota // Mark.Sub is "new", not "cur"
	hasSum                     // Sum follows, it is not Unread
	hasSeen                    // Seen follows, it is not zero
	knownBits = subNew | hasSum | hasSeen
)

// appendRecord appends the encoded r to b.
func appendRecord(b []byte, r Record) ([]byte, error) {
	var bits byte
	switch r.Mark.Sub {
	case "cur":
	case "new":
		bits |= subNew
	default:
		return b, fmt.Errorf("sub-directory %q: want cur or new", r.Mark.Sub)
	}
	if r.Sum != Unread {
		bits |= hasSum
	}
	if r.Seen != (Seen{}) {
		bits |= hasSeen
	}
	b = append(b, recordFormat, bits)
	b = binary.AppendUvarint(b, uint64(len(r.Mark.Info)))
	b = append(b, r.Mark.Info...)
	if bits&hasSum != 0 {
		b = append(b, r.Sum.Header[:]...)
		b = append(b, r.Sum.Body[:]...)
	}
	b = binary.AppendVarint(b, r.Size)
	if bits&hasSeen != 0 {
		b = binary.AppendVarint(b, r.Seen.Mtime)
		b = binary.AppendVarint(b, r.Seen.Size-r.Size) // mostly one byte: 0
		b = binary.AppendUvarint(b, r.Seen.Ino)
	}
	return b, nil
}

var errRecord = errors.New("a record can't be decoded")

// decodeRecord is the inverse of appendRecord. Nothing of r points into b.
func decodeRecord(b []byte) (r Record, err error) {
	d := decoder{rest: b}
	if d.byte() != recordFormat {
		return Record{}, errRecord
	}
	bits := d.byte()
	r.Mark.Sub = "cur"
	if bits&subNew != 0 {
		r.Mark.Sub = "new"
	}
	r.Mark.Info = infoString(d.bytes(d.uvarint()))
	if bits&hasSum != 0 {
		copy(r.Sum.Header[:], d.bytes(uint64(len(r.Sum.Header))))
		copy(r.Sum.Body[:], d.bytes(uint64(len(r.Sum.Body))))
	}
	r.Size = d.varint()
	if bits&hasSeen != 0 {
		r.Seen = Seen{Mtime: d.varint(), Size: r.Size + d.varint(), Ino: d.uvarint()}
	}
	if d.short || len(d.rest) > 0 || bits&^knownBits != 0 {
		return Record{}, errRecord
	}
	return r, nil
}

// infoString is string(b), without an allocation for what most messages have.
func infoString(b []byte) string {
	for _, common := range [...]string{":2,S", ":2,", "", ":2,RS"} {
		if string(b) == common {
			return common
		}
	}
	return string(b)
}

// decoder takes values off rest; past its end it yields zeros and sets short.
type decoder struct {
	rest  []byte
	short bool
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.short, d.rest = true, nil
		return nil
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) byte() byte {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	d.skip(n)
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	d.skip(n)
	return v
}

// skip takes off n bytes, as the functions of encoding/binary say: none or a
// negative number of them is an error.
func (d *decoder) skip(n int) {
	if n <= 0 {
		d.short, d.rest = true, nil
		return
	}
	d.rest = d.rest[n:]
}
