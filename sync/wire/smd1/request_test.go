package smd1_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"smd-applet/sync/fault"
	"smd-applet/sync/wire/smd1"
)

func TestReadRequestRefuses(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"", "get Mail/cur/1", "PUT Mail/cur/1", "GETALL Mail/cur/1", "COMMIT now", "DONE 1", "ABORT x", "commit", " GET Mail/cur/1", "chunk 5", "\x00", strings.Repeat("x", 30000)} {
		c, _ := said(line + "\n")
		r, name, err := c.ReadRequest()
		if !fault.Is(err, fault.Protocol) || r != "" || name != "" {
			t.Errorf("%.40q: %s %q, %v", line, r, name, err)
		} else if len(err.Error()) > 1000 {
			t.Errorf("%.40q: an error of %d bytes", line, len(err.Error()))
		}
	}
}

// lastWord fails when something is read before all answers were sent.
type lastWord struct {
	t    *testing.T
	want string
	bytes.Buffer
	in io.Reader
}

func (l *lastWord) Read(p []byte) (int, error) {
	if l.String() != l.want {
		l.t.Errorf("waits for a request when only %q of %q was sent", l.String(), l.want)
	}
	return l.in.Read(p)
}

// A client that waits for its answers gets them: nothing stays in a buffer
// while the server waits too.
func TestReadRequestSendsAnswersFirst(t *testing.T) {
	t.Parallel()
	l := &lastWord{t: t, in: strings.NewReader("GET Mail/cur/1\nGET Mail/cur/2\n")}
	c := smd1.NewConn(l)
	isAsked(t, c, smd1.Get, "Mail/cur/1")
	sends(t, c, "first")
	isAsked(t, c, smd1.Get, "Mail/cur/2")
	sends(t, c, "second")
	l.want = "chunk 5\nfirstchunk 6\nsecond"
	if _, _, err := c.ReadRequest(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

// A client that is gone is noticed when it is answered.
func TestReadRequestTellsWriteErrors(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	c := smd1.NewConn(channel{strings.NewReader(""), w})
	if err := c.SendChunkHeader(0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ReadRequest(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}
