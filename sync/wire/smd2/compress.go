package smd2

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

const (
	// tooSmall is the size in bytes below which compressing gains nothing.
	tooSmall = 200
	// patience is how many payloads in a row may not shrink before the next are
	// sent as they are: mail that is compressed or encrypted comes in runs.
	patience = 4
	maxPause = 64 // payloads sent without a try
)

// compressor decides what is worth compressing, and does it. The zero value is
// ready, and takes memory at the first use only.
type compressor struct {
	encoder *zstd.Encoder
	out     []byte
	failed  int // payloads that did not shrink, since the last that did
	pause   int // payloads yet to be sent without a try
}

// shrink returns the compressed payload, valid until the next call, or false where
// it does not pay.
func (c *compressor) shrink(payload []byte) ([]byte, bool) {
	if len(payload) < tooSmall {
		return nil, false
	}
	if c.pause > 0 {
		c.pause--
		return nil, false
	}
	if c.encoder == nil {
		// The options are right, and there is no writer that could fail.
		c.encoder, _ = zstd.NewWriter(nil,
			zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderConcurrency(1),
			zstd.WithLowerEncoderMem(true),
			zstd.WithWindowSize(MaxFrame),
			zstd.WithEncoderCRC(false), // ssh has its own, and content is compared by digest
		)
	}
	c.out = c.encoder.EncodeAll(payload, c.out[:0])
	if len(c.out) < len(payload)-len(payload)/16 {
		c.failed = 0
		return c.out, true
	}
	if c.failed++; c.failed >= patience {
		c.pause = min(1<<(c.failed-patience+2), maxPause)
	}
	return nil, false
}

// release gives the memory back.
func (c *compressor) release() { c.encoder, c.out = nil, nil }

// decompressor is the other end of compressor.
type decompressor struct {
	decoder *zstd.Decoder
	out     []byte
}

var errPlainLength = errors.New("a frame has not the length it announced")

// expand returns the payload, valid until the next call: exactly as many bytes as
// were announced, or an error before more are written.
func (d *decompressor) expand(compressed []byte, plain int) ([]byte, error) {
	if d.decoder == nil {
		d.decoder, _ = zstd.NewReader(nil,
			zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(MaxFrame),
			zstd.WithDecoderMaxWindow(MaxFrame),
			zstd.WithDecodeAllCapLimit(true),
		)
	}
	d.out = room(d.out, plain)
	out, err := d.decoder.DecodeAll(compressed, d.out[:0:plain])
	if err != nil {
		return nil, fmt.Errorf("decompress a frame: %w", err)
	}
	if len(out) != plain {
		return nil, errPlainLength
	}
	return out, nil
}

func (d *decompressor) release() { d.decoder, d.out = nil, nil }

// room returns a slice of n bytes, b's own where that has the capacity.
func room(b []byte, n int) []byte {
	if cap(b) < n {
		b = make([]byte, n)
	}
	return b[:n]
}
