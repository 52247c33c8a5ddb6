package vcdiff

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// targetWindow is how much of the target one window makes, in bytes.
const targetWindow = 4 << 20

// Encode writes a patch that makes target of source. The source is held in
// memory, the target window by window.
func Encode(dst io.Writer, source io.ReaderAt, sourceSize int64, target io.Reader) error {
	src := make([]byte, sourceSize)
	if n, err := source.ReadAt(src, 0); int64(n) < sourceSize {
		return fmt.Errorf("read the source: %w", err)
	}
	e := &encoder{source: src, blocks: indexBlocks(src)}
	if _, err := dst.Write(append(magic[:], 0)); err != nil {
		return err
	}
	window := make([]byte, targetWindow)
	for first := true; ; first = false {
		n, err := io.ReadFull(target, window)
		if n > 0 || first { // xdelta3 takes no patch without a window
			if _, err := dst.Write(e.window(window[:n])); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the target: %w", err)
		}
	}
}

// blockSize is the grain of the search for matches, in bytes: shorter than a
// line of a db-file, long enough to be worth an instruction.
const blockSize = 32

// blocks finds the source's blocks by their hash: one position a slot, the first
// come stays, for the source is in the order in which the target wants it.
type blocks struct {
	slots []uint32 // position/blockSize + 1; 0 is empty
	mask  uint32
}

func indexBlocks(src []byte) blocks {
	n := len(src) / blockSize
	size := 1
	for size < 2*n {
		size *= 2
	}
	b := blocks{slots: make([]uint32, size), mask: uint32(size - 1)}
	for i := range n {
		slot := &b.slots[spread(hashBlock(src[i*blockSize:]))&b.mask]
		if *slot == 0 {
			*slot = uint32(i) + 1
		}
	}
	return b
}

// The hash is a polynomial modulo 2^32, which rolls along the target.
const multiplier = 0x9e3779b1

var multiplierOut = func() uint32 { // multiplier^(blockSize-1): the weight of the byte that leaves
	p := uint32(1)
	for range blockSize - 1 {
		p *= multiplier
	}
	return p
}()

func hashBlock(b []byte) uint32 {
	var h uint32
	for _, c := range b[:blockSize] {
		h = h*multiplier + uint32(c)
	}
	return h
}

func roll(h uint32, out, in byte) uint32 {
	return (h-uint32(out)*multiplierOut)*multiplier + uint32(in)
}

// spread mixes the high bits into the low ones, which alone choose the slot.
func spread(h uint32) uint32 { return h ^ h>>15 ^ h>>7 }

type encoder struct {
	source []byte
	blocks blocks

	data, inst, addrs []byte
}

// window returns one encoded window.
func (e *encoder) window(target []byte) []byte {
	e.data, e.inst, e.addrs = e.data[:0], e.inst[:0], e.addrs[:0]
	e.instructions(target)

	var body []byte
	body = appendVarint(body, uint64(len(target)))
	body = append(body, 0) // no secondary compression
	for _, s := range [][]byte{e.data, e.inst, e.addrs} {
		body = appendVarint(body, uint64(len(s)))
	}
	var head []byte
	if len(e.source) > 0 {
		head = append(head, winSource)
		head = appendVarint(head, uint64(len(e.source)))
		head = appendVarint(head, 0)
	} else {
		head = append(head, 0)
	}
	head = appendVarint(head, uint64(len(body)+len(e.data)+len(e.inst)+len(e.addrs)))
	return bytes.Join([][]byte{head, body, e.data, e.inst, e.addrs}, nil)
}

// instructions covers the target with copies from the source and what is new.
func (e *encoder) instructions(target []byte) {
	from := 0 // of what is not covered yet
	var h uint32
	rolling := false
	for at := 0; at+blockSize <= len(target); {
		if !rolling {
			h, rolling = hashBlock(target[at:]), true
		}
		pos, n, back := e.match(target, from, at, h)
		if n == 0 {
			if at+blockSize < len(target) {
				h = roll(h, target[at], target[at+blockSize])
			}
			at++
			continue
		}
		e.add(target[from : at-back])
		e.copy(pos-back, n+back)
		at += n
		from, rolling = at, false
	}
	e.add(target[from:])
}

// match looks for the block at a position of the target in the source. It
// returns the position there, the length of the match, and by how much it also
// reaches back into what is not covered yet.
func (e *encoder) match(target []byte, from, at int, h uint32) (pos, n, back int) {
	slot := e.blocks.slots[spread(h)&e.blocks.mask]
	if slot == 0 {
		return 0, 0, 0
	}
	pos = int(slot-1) * blockSize
	for pos+n < len(e.source) && at+n < len(target) && e.source[pos+n] == target[at+n] {
		n++
	}
	if n < blockSize {
		return 0, 0, 0
	}
	for at-back > from && pos-back > 0 && e.source[pos-back-1] == target[at-back-1] {
		back++
	}
	return pos, n, back
}

func (e *encoder) add(b []byte) {
	if len(b) == 0 {
		return
	}
	e.inst = append(e.inst, codeAdd)
	e.inst = appendVarint(e.inst, uint64(len(b)))
	e.data = append(e.data, b...)
}

func (e *encoder) copy(pos, n int) {
	e.inst = append(e.inst, codeCopy)
	e.inst = appendVarint(e.inst, uint64(n))
	e.addrs = appendVarint(e.addrs, uint64(pos))
}
