package synctest

import (
	"io"
	"testing/iotest"
)

// Drip returns a channel that lets one byte pass at a time, in either direction.
func Drip(c io.ReadWriteCloser) io.ReadWriteCloser { return dripping{c} }

type dripping struct{ io.ReadWriteCloser }

func (d dripping) Read(b []byte) (int, error) { return iotest.OneByteReader(d.ReadWriteCloser).Read(b) }

func (d dripping) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = d.ReadWriteCloser.Write(b[n : n+1])
		n += m
	}
	return n, err
}
