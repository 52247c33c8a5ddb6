package smd2

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"smd-applet/sync/fault"
)

const (
	// magic opens each direction. Its line ends and control bytes show a channel
	// that changes what goes through it, as a terminal does; its first byte is in
	// no other place of it.
	magic = "\x00\xffsmd/2\r\n\x1a\n"
	// maxNoise bounds what may stand before the magic, in bytes: a shell's start-up
	// files may print something.
	maxNoise = 64 << 10
	// maxQuote bounds what is quoted of it, in bytes.
	maxQuote = 200
)

// Greet sends the magic and waits for that of the other end, whatever stands before
// it. An end that never sends it is a [fault.Protocol] that quotes the first line
// it said instead; where it closed the channel, that wraps [io.ErrUnexpectedEOF].
// Both ends send first: the channel must take in a few bytes that nobody reads yet.
func (c *Conn) Greet() error {
	c.sending.Lock()
	_, err := c.w.WriteString(magic)
	if err == nil {
		err = c.w.Flush()
	}
	c.sending.Unlock()
	if err != nil {
		return err
	}
	var noise strings.Builder // its beginning
	seen, matched := 0, 0
	for ; matched < len(magic); seen++ {
		b, err := c.r.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return notOurs(noise.String(), io.ErrUnexpectedEOF)
		case err != nil:
			return err
		case seen >= maxNoise+len(magic):
			return notOurs(noise.String(), nil)
		}
		if b != magic[matched] {
			noise.WriteString(magic[:matched])
			matched = 0
		}
		if b == magic[matched] {
			matched++
		} else if noise.Len() < 4*maxQuote {
			noise.WriteByte(b)
		}
	}
	return nil
}

// notOurs says that the other end does not greet as we do. cause may be nil.
func notOurs(noise string, cause error) error {
	line, _, _ := strings.Cut(strings.TrimSpace(noise), "\n")
	err := fmt.Errorf("the other end says %q in place of the greeting of smd/2", clip(strings.TrimSpace(line), maxQuote))
	if line == "" {
		err = errors.New("the other end says nothing")
	}
	if cause != nil {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return fault.New(fault.Protocol, "greet", "", err)
}

// clip shortens s to at most n bytes.
func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
