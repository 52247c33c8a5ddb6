package census

import (
	"bytes"
	"crypto/sha1" // the digest of maildir.Sum; it identifies, it does not protect
	"hash"
	"io"

	"smd-applet/sync/maildir"
	"smd-applet/sync/stripheader"
)

// maxHeader is the longest header that is looked into, in bytes: what is longer
// is no mail, and counts as it is.
const maxHeader = 1 << 20

// reader reads messages one after the other.
type reader struct {
	hands        maildir.Hands
	header, body hash.Hash
	split        maildir.Splitter
	buf          []byte
	without      string
	kept         capped // the header, where a part of it is to be left out
	bare         bytes.Buffer
}

func newReader(without string) *reader {
	r := &reader{header: sha1.New(), body: sha1.New(), buf: make([]byte, 64<<10), without: without}
	header := io.Writer(r.header)
	if without != "" {
		header = io.MultiWriter(r.header, &r.kept)
	}
	r.split = maildir.NewSplitter(header, r.body)
	return r
}

func (r *reader) close() { r.hands.Close() }

// read fills in all of m but its name.
func (r *reader) read(p maildir.Place, m *Message) error {
	r.split.Reset()
	r.header.Reset()
	r.body.Reset()
	r.kept.reset()
	f, _, err := r.hands.Open(p)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{&r.split}, struct{ io.Reader }{f}, r.buf); err != nil {
		return err
	}
	m.Size = r.split.Size()
	switch {
	case m.Size == 0:
		m.Flaw = Empty
	case r.split.Whole() != nil:
		m.Flaw = Unended
	}
	r.header.Sum(m.Sum.Header[:0])
	r.body.Sum(m.Sum.Body[:0])
	m.Bare, m.Like = m.Sum.Header, maildir.Digest{}
	if r.without != "" && !r.kept.over {
		r.bare.Reset()
		if _, err := stripheader.Copy(&r.bare, &r.kept.Buffer, r.without); err != nil {
			return err
		}
		r.header.Reset()
		r.header.Write(r.bare.Bytes())
		r.header.Sum(m.Bare[:0])
		r.header.Reset()
		// Folded lines become one, and a blank behind a colon is as good as none.
		for word := range bytes.FieldsSeq(bytes.ReplaceAll(r.bare.Bytes(), []byte(":"), []byte(": "))) {
			r.header.Write(word)
			r.header.Write([]byte{' '})
		}
		r.header.Sum(m.Like[:0])
	}
	return nil
}

// capped keeps what is written to it, up to a bound.
type capped struct {
	bytes.Buffer
	over bool
}

func (c *capped) Write(p []byte) (int, error) {
	if c.over = c.over || c.Len()+len(p) > maxHeader; c.over {
		return len(p), nil
	}
	return c.Buffer.Write(p)
}

func (c *capped) reset() {
	c.Buffer.Reset()
	c.over = false
}
