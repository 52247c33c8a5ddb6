package smd2

import (
	"io"
	"sync/atomic"
)

// Traffic is how many bytes went through a Conn: of messages and their frames as
// they were before compression, and on the wire.
type Traffic struct {
	Sent, SentWire         int64
	Received, ReceivedWire int64
}

// Traffic may be read at any time. The wire's side moves with every read and
// write of the channel, in the middle of a frame too: a sign of life.
func (c *Conn) Traffic() Traffic {
	return Traffic{
		Sent: c.sent.plain.Load(), SentWire: c.sent.wire.Load(),
		Received: c.arrived.plain.Load(), ReceivedWire: c.arrived.wire.Load(),
	}
}

// meter counts one direction.
type meter struct{ plain, wire atomic.Int64 }

type countingReader struct {
	io.Reader
	meter *meter
}

func (r countingReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.meter.wire.Add(int64(n))
	return n, err
}

type countingWriter struct {
	io.Writer
	meter *meter
}

func (w countingWriter) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	w.meter.wire.Add(int64(n))
	return n, err
}
