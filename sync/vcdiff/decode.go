package vcdiff

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
)

// Limits bounds what a patch may make.
type Limits struct {
	Target int64 // bytes of the whole target; 0 means [DefaultTarget]
}

// DefaultTarget is the largest target, in bytes, where [Limits] names none.
const DefaultTarget = 1 << 30

const (
	// maxWindow bounds a target window, in bytes; xdelta3 makes 8 MiB.
	maxWindow = 64 << 20
	// maxSection bounds a section; an instruction is at least one byte and
	// makes at least one.
	maxSection = 2 * maxWindow
	maxHeader  = 64 << 10
)

// Decode writes to dst what patch makes of source. It fails with [ErrFormat],
// [ErrUnsupported], or an error of one of its arguments.
func Decode(dst io.Writer, source io.ReaderAt, sourceSize int64, patch io.Reader, limit Limits) error {
	if limit.Target <= 0 {
		limit.Target = DefaultTarget
	}
	d := &decoder{r: bufio.NewReader(patch), source: source, sourceSize: uint64(sourceSize), left: uint64(limit.Target)}
	if err := d.header(); err != nil {
		return unexpected(err)
	}
	for {
		indicator, err := d.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := d.window(indicator); err != nil {
			return unexpected(err)
		}
		if _, err := dst.Write(d.target); err != nil {
			return err
		}
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it is cut short", ErrFormat)
	}
	return err
}

type decoder struct {
	r          *bufio.Reader
	source     io.ReaderAt
	sourceSize uint64
	left       uint64 // bytes the target may still grow by

	lzma   bool
	stream [3]lzmaStream // data, instructions, addresses
	cache  addressCache
	target []byte // of the current window
}

func (d *decoder) header() error {
	var head [5]byte
	if _, err := io.ReadFull(d.r, head[:]); err != nil {
		return err
	}
	if [4]byte(head[:4]) != magic {
		return formatError("it does not start as one")
	}
	indicator := head[4]
	if indicator&^(hasSecondary|hasCodeTable|hasAppHeader) != 0 {
		return formatError("header indicator %#x", indicator)
	}
	if indicator&hasSecondary != 0 {
		id, err := d.r.ReadByte()
		if err != nil {
			return err
		}
		switch id {
		case secondaryLZMA:
			d.lzma = true
		case secondaryDJW, secondaryFGK:
			return fmt.Errorf("%w: secondary compression %d (DJW or FGK): use xdelta3 with -S lzma or -S none", ErrUnsupported, id)
		default:
			return fmt.Errorf("%w: secondary compression %d", ErrUnsupported, id)
		}
	}
	if indicator&hasCodeTable != 0 {
		return fmt.Errorf("%w: a code table of its own", ErrUnsupported)
	}
	if indicator&hasAppHeader != 0 {
		n, err := readVarint(d.r)
		if err != nil {
			return err
		}
		if n > maxHeader {
			return formatError("an application header of %d bytes", n)
		}
		if _, err := d.r.Discard(int(n)); err != nil {
			return err
		}
	}
	return nil
}

// frame is the head of a window (RFC 3284 §4.2 and §4.3).
type frame struct {
	sourceLen, sourcePos uint64
	targetLen            uint64
	compressed           byte
	sectionLen           [3]uint64
	checksum             uint32
	checked              bool
}

func (d *decoder) frame(indicator byte) (f frame, err error) {
	switch {
	case indicator&winTarget != 0:
		return f, fmt.Errorf("%w: a window copied from the target", ErrUnsupported)
	case indicator&^(winSource|winAdler) != 0:
		return f, formatError("window indicator %#x", indicator)
	}
	read := func(to *uint64) {
		if err == nil {
			*to, err = readVarint(d.r)
		}
	}
	if indicator&winSource != 0 {
		read(&f.sourceLen)
		read(&f.sourcePos)
	}
	var all uint64
	read(&all)
	read(&f.targetLen)
	if err != nil {
		return f, err
	}
	if f.compressed, err = d.r.ReadByte(); err != nil {
		return f, err
	}
	for i := range f.sectionLen {
		read(&f.sectionLen[i])
	}
	if err != nil {
		return f, err
	}
	if f.checked = indicator&winAdler != 0; f.checked {
		var sum [4]byte
		if _, err := io.ReadFull(d.r, sum[:]); err != nil {
			return f, err
		}
		f.checksum = binary.BigEndian.Uint32(sum[:])
	}
	return f, d.checkFrame(f)
}

func (d *decoder) checkFrame(f frame) error {
	switch {
	case f.sourceLen > d.sourceSize || f.sourcePos > d.sourceSize-f.sourceLen:
		return formatError("a window on bytes %d+%d of a source of %d: the two ends' files differ", f.sourcePos, f.sourceLen, d.sourceSize)
	case f.targetLen > maxWindow:
		return formatError("a window of %d bytes", f.targetLen)
	case f.targetLen > d.left:
		return formatError("a target larger than allowed")
	case f.compressed&^7 != 0 || (f.compressed != 0 && !d.lzma):
		return formatError("delta indicator %#x", f.compressed)
	}
	for _, n := range f.sectionLen {
		if n > maxSection {
			return formatError("a section of %d bytes", n)
		}
	}
	return nil
}

func (d *decoder) window(indicator byte) error {
	f, err := d.frame(indicator)
	if err != nil {
		return err
	}
	var sections [3]section
	for i, n := range f.sectionLen {
		raw, err := d.readSection(n)
		if err != nil {
			return err
		}
		if f.compressed&(1<<i) != 0 {
			if raw, err = d.stream[i].section(raw); err != nil {
				return err
			}
		}
		sections[i].rest = raw
	}
	d.left -= f.targetLen
	if err := d.execute(f, &sections[0], &sections[1], &sections[2]); err != nil {
		return err
	}
	if f.checked && adler32.Checksum(d.target) != f.checksum {
		return formatError("a window's checksum is wrong: the two ends' files differ")
	}
	return nil
}

// readSection reads n bytes, and takes memory only as they come.
func (d *decoder) readSection(n uint64) ([]byte, error) {
	const step = 1 << 20
	b := make([]byte, 0, min(n, step))
	for uint64(len(b)) < n {
		from := len(b)
		b = append(b, make([]byte, min(n-uint64(from), step))...)
		if _, err := io.ReadFull(d.r, b[from:]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// execute carries out a window's instructions (RFC 3284 §5).
func (d *decoder) execute(f frame, data, inst, addrs *section) error {
	d.target = d.target[:0]
	d.cache.reset()
	for len(inst.rest) > 0 {
		code, _ := inst.byte()
		for _, in := range codeTable[code] {
			if in.kind == noop {
				continue
			}
			size := uint64(in.size)
			if size == 0 {
				var err error
				if size, err = inst.varint(); err != nil {
					return err
				}
			}
			if size > f.targetLen-uint64(len(d.target)) {
				return formatError("a window longer than it says")
			}
			if err := d.instruct(f, in, size, data, addrs); err != nil {
				return err
			}
		}
	}
	if uint64(len(d.target)) != f.targetLen || len(data.rest) > 0 || len(addrs.rest) > 0 {
		return formatError("a window of another size than it says")
	}
	return nil
}

func (d *decoder) instruct(f frame, in instruction, size uint64, data, addrs *section) error {
	switch in.kind {
	case add:
		b, err := data.take(size)
		if err != nil {
			return err
		}
		d.target = append(d.target, b...)
	case run:
		b, err := data.byte()
		if err != nil {
			return err
		}
		for range size {
			d.target = append(d.target, b)
		}
	case copying:
		addr, err := d.cache.decode(in.mode, f.sourceLen+uint64(len(d.target)), addrs)
		if err != nil {
			return err
		}
		return d.copy(f, addr, size)
	}
	return nil
}

// copy appends size bytes from addr in the window's source followed by its
// target; the copy may overlap what it makes.
func (d *decoder) copy(f frame, addr, size uint64) error {
	if addr < f.sourceLen {
		n := min(size, f.sourceLen-addr)
		from := len(d.target)
		d.target = append(d.target, make([]byte, n)...)
		if got, err := d.source.ReadAt(d.target[from:], int64(f.sourcePos+addr)); uint64(got) < n {
			return fmt.Errorf("read the source: %w", err)
		}
		addr, size = addr+n, size-n
	}
	for from := addr - f.sourceLen; size > 0; {
		n := min(size, uint64(len(d.target))-from)
		d.target = append(d.target, d.target[from:from+n]...)
		from, size = from+n, size-n
	}
	return nil
}
