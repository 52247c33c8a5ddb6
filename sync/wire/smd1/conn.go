// Package smd1 is the wire of smd 1.3 (spec §4 and §5): lines of text and counted
// bytes over any byte channel. It knows the words, not what is done about them.
package smd1

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"smd-applet/sync/fault"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
)

// Version is the protocol's version as the handshake states it.
const Version = "1.3"

const (
	// maxLine bounds a line, in bytes: the longest action has two names of
	// PATH_MAX bytes, each of which may be three times as long when encoded.
	maxLine = 32 << 10
	// MaxChunk bounds a chunk, in bytes: no mail is larger.
	MaxChunk = 4 << 30
)

// Conn speaks smd 1.3 over a byte channel. One goroutine may write while
// another reads; writes are buffered until [Conn.Flush].
type Conn struct {
	r *bufio.Reader
	w *bufio.Writer
	// Received and Sent count the bytes of message and db-file chunks.
	Received, Sent int64
	pending        int64 // bytes of the current chunk not yet read
}

// NewConn returns a Conn over rw.
func NewConn(rw io.ReadWriter) *Conn {
	return &Conn{r: bufio.NewReaderSize(rw, 64<<10), w: bufio.NewWriterSize(rw, 64<<10)}
}

// ErrAborted says that the other end sent ABORT.
var ErrAborted = errors.New("the other end aborted")

// errTooLong says that a line is beyond all reason.
var errTooLong = errors.New("a line is longer than any name allows")

func (c *Conn) readLine() (string, error) {
	var line []byte
	for {
		part, err := c.r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return string(line[:len(line)-1]), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		case len(line) > maxLine:
			return "", protocolError("read a line", errTooLong)
		}
	}
}

func protocolError(op string, err error) error {
	return fault.New(fault.Protocol, op, "", err)
}

// Flush sends what is buffered.
func (c *Conn) Flush() error { return c.w.Flush() }

// Digests is what each end says of its db-file in the handshake: the SHA-1 of
// the db-file and of the new one ("-" for none), in hex.
type Digests struct {
	DB, New string
}

// SendHello sends this end's half of the handshake.
func (c *Conn) SendHello(d Digests) error {
	fmt.Fprintf(c.w, "protocol %s\ndbfile %s %s\n", Version, d.DB, d.New)
	return c.w.Flush()
}

// ReadHello reads the other end's half. An end that speaks something else is an
// error of kind [fault.Protocol] that quotes it.
func (c *Conn) ReadHello() (Digests, error) {
	line, err := c.readLine()
	if err != nil {
		return Digests{}, err
	}
	if v, ok := strings.CutPrefix(line, "protocol "); !ok {
		return Digests{}, protocolError("handshake", fmt.Errorf("the other end says %q in place of its protocol version", clip(line)))
	} else if v != Version {
		return Digests{}, protocolError("handshake", fmt.Errorf("the other end speaks protocol %q, this end %s", clip(v), Version))
	}
	if line, err = c.readLine(); err != nil {
		return Digests{}, err
	}
	f := strings.Fields(line)
	if len(f) != 3 || f[0] != "dbfile" {
		return Digests{}, protocolError("handshake", fmt.Errorf("the other end says %q in place of its db-file digests", clip(line)))
	}
	d := Digests{DB: strings.ToLower(f[1]), New: strings.ToLower(f[2])}
	_, err = maildir.ParseDigest(d.DB)
	if err == nil && d.New != index.Absent {
		_, err = maildir.ParseDigest(d.New)
	}
	if err != nil {
		return Digests{}, protocolError("handshake", fmt.Errorf("the other end says %q in place of its db-file digests", clip(line)))
	}
	return d, nil
}

// Agreement is what the handshake tells an end to do with its db-file.
type Agreement int

// The outcomes of the handshake (smd 1.3, spec §4.1).
const (
	Agreed   Agreement = iota // go on with the db-file as it is
	CatchUp                   // rename the new db-file over the old one, then go on
	Mismatch                  // the ends remember different states
)

// Compare applies the rule of the handshake. Both ends reach fitting outcomes
// from the same two pairs.
func Compare(mine, theirs Digests) Agreement {
	switch {
	case theirs.New == mine.DB:
		return Agreed
	case mine.New == theirs.DB:
		return CatchUp
	case mine.DB == theirs.DB:
		return Agreed
	}
	return Mismatch
}

func clip(s string) string {
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return s
}

// SendChunkHeader announces a chunk of n bytes; the caller writes exactly that
// many to [Conn.ChunkWriter].
func (c *Conn) SendChunkHeader(n int64) error {
	c.Sent += n
	_, err := fmt.Fprintf(c.w, "chunk %d\n", n)
	return err
}

// ChunkWriter returns the writer for a chunk's bytes.
func (c *Conn) ChunkWriter() io.Writer { return c.w }

// SendAbort gives up: it answers a request, or ends the run.
func (c *Conn) SendAbort() error {
	if _, err := c.w.WriteString("ABORT\n"); err != nil {
		return err
	}
	return c.w.Flush()
}

// ReadChunk reads the header of a chunk and returns its size and a reader of
// exactly that many bytes, which must be read to its end before anything else.
// It returns [ErrAborted] when the other end has nothing to give.
func (c *Conn) ReadChunk() (int64, io.Reader, error) {
	line, err := c.readLine()
	if err != nil {
		return 0, nil, err
	}
	if line == "ABORT" {
		return 0, nil, ErrAborted
	}
	size, ok := strings.CutPrefix(line, "chunk ")
	if !ok {
		return 0, nil, protocolError("read a chunk", fmt.Errorf("the other end says %q", clip(line)))
	}
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil || n < 0 || n > MaxChunk || size[0] < '0' {
		return 0, nil, protocolError("read a chunk", fmt.Errorf("the other end announces %q bytes", clip(size)))
	}
	c.Received += n
	c.pending = n
	return n, chunkReader{c}, nil
}

type chunkReader struct{ c *Conn }

func (r chunkReader) Read(p []byte) (int, error) {
	if r.c.pending == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > r.c.pending {
		p = p[:r.c.pending]
	}
	n, err := r.c.r.Read(p)
	r.c.pending -= int64(n)
	if errors.Is(err, io.EOF) && r.c.pending > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
