package smd2

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	stdsync "sync"
	"time"

	"smd-applet/sync/fault"
)

// Conn speaks smd/2 over a byte channel: frames of messages, both ways at once.
// Any number of goroutines may send; one may receive.
type Conn struct {
	options Options
	sent    meter
	arrived meter

	sending    stdsync.Mutex
	w          *bufio.Writer
	payload    bytes.Buffer
	compressor compressor
	pace       pace

	r            *bufio.Reader
	failed       error         // what Receive returned last, where that was an error
	decoding     stdsync.Mutex // held while a frame is read, not while one is waited for
	in           []byte
	long         []byte // a message of several frames
	decompressor decompressor
}

// Options of a Conn.
type Options struct {
	// Uncompressed sends everything as it is: both ends are on one machine. What
	// the other end compresses is understood all the same.
	Uncompressed bool
}

// NewConn returns a Conn that reads from r and writes to w. Neither is closed by it.
func NewConn(r io.Reader, w io.Writer, o Options) *Conn {
	c := &Conn{options: o}
	c.r = bufio.NewReaderSize(countingReader{r, &c.arrived}, 64<<10)
	c.w = bufio.NewWriterSize(countingWriter{w, &c.sent}, 64<<10)
	return c
}

// Send buffers a message: any struct of message.go, or a pointer to one. The
// message is not kept. Errors are those of the channel; a message beyond
// [MaxMessage] or [MaxItems] is a bug of the caller and sends nothing.
func (c *Conn) Send(msg any) error {
	t, ok := typeOf(msg)
	if !ok {
		return fault.New(fault.Internal, "send", "", fmt.Errorf("%T is no message of smd/2", msg))
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	c.payload.Reset()
	if err := encode(&c.payload, msg); err != nil {
		return fault.New(fault.Internal, "send", t.typ.Name(), err)
	}
	for rest := c.payload.Bytes(); ; {
		piece := rest[:min(len(rest), MaxFrame)]
		rest = rest[len(piece):]
		var flags byte
		if len(rest) > 0 {
			flags = flagMore
		}
		if err := c.writeFrame(t.number, flags, piece); err != nil || len(rest) == 0 {
			return err
		}
	}
}

// writeFrame buffers one frame.
func (c *Conn) writeFrame(typ, flags byte, payload []byte) error {
	h := header{typ: typ, flags: flags, length: len(payload), plain: len(payload)}
	c.pace.start(time.Now())
	if !c.options.Uncompressed && !c.pace.raw {
		if small, ok := c.compressor.shrink(payload); ok {
			payload, h.flags, h.length = small, h.flags|flagZstd, len(small)
		}
	}
	c.sent.plain.Add(int64(shortHeader + h.plain))
	if _, err := c.w.Write(h.append(c.w.AvailableBuffer())); err != nil {
		return err
	}
	_, err := c.w.Write(payload)
	c.pace.sent(h.plain, h.length, time.Now())
	return err
}

// Flush sends what is buffered.
func (c *Conn) Flush() error {
	c.sending.Lock()
	defer c.sending.Unlock()
	err := c.w.Flush()
	c.pace.pause(time.Now())
	return err
}

// Receive returns the next message, as a pointer to its struct. The [Data] in it is
// valid until the next call. It returns [io.EOF] where the other end closed the
// channel between two frames, [io.ErrUnexpectedEOF] within one, other errors of the
// channel as they are, and what is not smd/2 as [fault.Protocol]. After an error
// there is nothing more to receive.
func (c *Conn) Receive() (any, error) {
	for c.failed == nil {
		var msg any
		if msg, c.failed = c.receive(); msg != nil {
			return msg, nil
		}
	}
	return nil, c.failed
}

// receive reads one message. It returns none where a frame is of a type that may
// be skipped.
func (c *Conn) receive() (any, error) {
	h, err := c.readHeader()
	if err != nil {
		return nil, err
	}
	c.decoding.Lock()
	defer c.decoding.Unlock()
	t, ok := byNumber[h.typ]
	switch {
	case !ok && h.flags&flagOptional == 0:
		return nil, protocolError(fmt.Errorf("a frame has the unknown type %d", h.typ))
	case !ok:
		_, err := c.r.Discard(h.length)
		return nil, withinFrame(err)
	}
	payload, err := c.readPayload(h)
	if err == nil && h.flags&flagMore != 0 {
		payload, err = c.readLong(h.typ, payload)
	}
	if err != nil {
		return nil, err
	}
	msg := t.make()
	if err := decode(payload, msg); err != nil {
		return nil, protocolError(fmt.Errorf("%s: %w", t.typ.Name(), err))
	}
	return msg, nil
}

// readPayload reads what follows a header.
func (c *Conn) readPayload(h header) ([]byte, error) {
	c.in = room(c.in, h.length)
	if _, err := io.ReadFull(c.r, c.in); err != nil {
		return nil, withinFrame(err)
	}
	c.arrived.plain.Add(int64(shortHeader + h.plain))
	if h.flags&flagZstd == 0 {
		return c.in, nil
	}
	payload, err := c.decompressor.expand(c.in, h.plain)
	if err != nil {
		return nil, protocolError(err)
	}
	return payload, nil
}

// readLong reads the rest of a message that has several frames.
func (c *Conn) readLong(typ byte, first []byte) ([]byte, error) {
	c.long = append(c.long[:0], first...)
	for {
		h, err := c.readHeader()
		if err != nil {
			return nil, withinFrame(err)
		}
		if h.typ != typ {
			return nil, protocolError(fmt.Errorf("a frame of type %d stands within a message of type %d", h.typ, typ))
		}
		if n := len(c.long) + h.plain; n > MaxMessage {
			return nil, protocolError(fmt.Errorf("a message has %d bytes, more than the %d allowed", n, MaxMessage))
		}
		payload, err := c.readPayload(h)
		if err != nil {
			return nil, err
		}
		if c.long = append(c.long, payload...); h.flags&flagMore == 0 {
			return c.long, nil
		}
	}
}

// readHeader waits for the next frame.
func (c *Conn) readHeader() (header, error) {
	b, err := c.r.Peek(shortHeader)
	if err == nil {
		b, err = c.r.Peek(headerSize(b))
	}
	if err != nil {
		if len(b) > 0 {
			err = withinFrame(err)
		}
		return header{}, err
	}
	h, err := parseHeader(b)
	if err != nil {
		return h, protocolError(err)
	}
	_, err = c.r.Discard(h.size())
	return h, err
}

// withinFrame is what an error means where more bytes had to come.
func withinFrame(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func protocolError(err error) error { return fault.New(fault.Protocol, "receive", "", err) }

// Release gives back the memory that messages needed, some MiB; what is left is
// two small buffers. To be called between two runs, by anyone. Sending and
// receiving go on as before.
func (c *Conn) Release() {
	// Whoever has a lock is using the memory just now.
	if c.sending.TryLock() {
		c.payload = bytes.Buffer{}
		c.compressor.release()
		c.sending.Unlock()
	}
	if c.decoding.TryLock() {
		c.in, c.long = nil, nil
		c.decompressor.release()
		c.decoding.Unlock()
	}
}
