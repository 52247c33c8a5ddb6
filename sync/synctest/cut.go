package synctest

import (
	"errors"
	"io"
	stdsync "sync"
)

// Measure tells the size of a unit of a protocol, a line or a frame, from its
// first bytes; 0 where they don't tell it yet. first says that it is the first
// one in its direction.
type Measure func(first bool, head []byte) int

// CutChannel is a channel that breaks behind so many units in one direction.
type CutChannel struct {
	io.ReadWriteCloser
	measure Measure

	mu    stdsync.Mutex
	read  units
	write units
	cut   bool
}

// units counts what passes in one direction.
type units struct {
	left int // until the cut; below 0 there is none
	head []byte
	rest int // bytes until the end of the present one
	seen int
}

// ErrCut is what a read or write returns where the channel broke.
var ErrCut = errors.New("the line was cut")

// CutAfter lets so many units pass that are read, or that are written, and then
// closes the channel. A number below 0 never cuts.
func CutAfter(rw io.ReadWriteCloser, measure Measure, read, written int) *CutChannel {
	return &CutChannel{ReadWriteCloser: rw, measure: measure, read: units{left: read}, write: units{left: written}}
}

// WasCut reports whether it came to that.
func (c *CutChannel) WasCut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}

// pass is how many bytes of b are before the cut.
func (c *CutChannel) pass(u *units, b []byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, char := range b {
		if u.rest == 0 && len(u.head) == 0 && u.left == 0 {
			c.cut = true
			return i
		}
		if u.rest > 0 {
			u.rest--
		} else {
			u.head = append(u.head, char)
			size := c.measure(u.seen == 0, u.head)
			if size == 0 {
				continue
			}
			u.rest = size - len(u.head)
		}
		if u.rest == 0 {
			u.head = u.head[:0]
			u.left--
			u.seen++
		}
	}
	return len(b)
}

// Read implements [io.Reader].
func (c *CutChannel) Read(b []byte) (int, error) {
	n, err := c.ReadWriteCloser.Read(b)
	if passed := c.pass(&c.read, b[:n]); passed < n {
		_ = c.Close() // that is the cut
		return passed, ErrCut
	}
	return n, err
}

// Write implements [io.Writer].
func (c *CutChannel) Write(b []byte) (int, error) {
	passed := c.pass(&c.write, b)
	n, err := c.ReadWriteCloser.Write(b[:passed])
	if err == nil && passed < len(b) {
		_ = c.Close() // that is the cut
		err = ErrCut
	}
	return n, err
}
