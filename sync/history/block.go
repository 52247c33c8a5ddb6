package history

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
)

// A block in a file: magic, one byte for its form, the length of what follows and
// its sum (CRC-32C), both as four bytes, the lowest first.
var magic = []byte("\nsmdh")

const (
	formPlain = 'p'
	formZstd  = 'z'

	headLen = 5 + 1 + 4 + 4

	// maxText bounds the text of a block in bytes.
	maxText = 256 << 10
	// smallText is below what size compressing is not worth its memory.
	smallText = 4 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// packer makes blocks. Its zero value is ready, and takes memory only for a run
// that has much to tell.
type packer struct {
	enc *zstd.Encoder
	out []byte
}

// pack makes a block of text, valid until the next call.
func (p *packer) pack(text []byte) []byte {
	p.out = append(p.out[:0], make([]byte, headLen)...)
	form := byte(formPlain)
	if len(text) > smallText {
		form = formZstd
		if p.enc == nil {
			// The options are right, and there is no writer that could fail.
			p.enc, _ = zstd.NewWriter(
				nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
				zstd.WithWindowSize(maxText), zstd.WithEncoderCRC(false),
			)
		}
		p.out = p.enc.EncodeAll(text, p.out)
	} else {
		p.out = append(p.out, text...)
	}
	payload := p.out[headLen:]
	head := append(append(p.out[:0], magic...), form)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(payload))) //nolint:gosec // at most maxText, and a little
	binary.LittleEndian.AppendUint32(head, crc32.Checksum(payload, castagnoli))
	return p.out
}

var errNoBlock = errors.New("not a whole block")

// unpack returns the text of the block that b starts with, and its length in b.
func unpack(b []byte, dec *zstd.Decoder) (text []byte, n int, err error) {
	if len(b) < headLen || !bytes.HasPrefix(b, magic) {
		return nil, 0, errNoBlock
	}
	size := int64(binary.LittleEndian.Uint32(b[6:]))
	if size > 2*maxText || size > int64(len(b)-headLen) {
		return nil, 0, errNoBlock
	}
	n = headLen + int(size)
	payload := b[headLen:n]
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(b[10:]) {
		return nil, 0, errNoBlock
	}
	switch b[5] {
	case formPlain:
		return payload, n, nil
	case formZstd:
		text, err = dec.DecodeAll(payload, nil)
		return text, n, err
	}
	return nil, n, errors.New("the block of a later version")
}
