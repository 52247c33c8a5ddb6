package smd1_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"smd-applet/sync/fault"
	"smd-applet/sync/wire/smd1"
)

// An end that speaks something else is told of with its words.
func TestReadHelloRefuses(t *testing.T) {
	t.Parallel()
	const dbfile = "dbfile da39a3ee5e6b4b0d3255bfef95601890afd80709 -\n"
	for text, quotes := range map[string]string{
		"Welcome to the server!\n":                           "Welcome to the server!",
		"\n":                                                 `""`,
		"protocol 1.2\n" + dbfile:                            "1.2",
		"protocol 1.30\n" + dbfile:                           "1.30",
		"protocol 1.3 \n" + dbfile:                           "1.3 ",
		"protocol\n" + dbfile:                                "protocol",
		"PROTOCOL 1.3\n" + dbfile:                            "PROTOCOL",
		"protocol 1.3\nABORT\n":                              "ABORT",
		"protocol 1.3\ndbfile da39\n":                        "dbfile da39",
		"protocol 1.3\ndb da39 -\n":                          "db da39 -",
		"protocol 1.3\ndbfile da39 - -\n":                    "dbfile da39 - -",
		"protocol 1.3\n\n":                                   `""`,
		"\x1b]0;title\x07\n":                                 `\x1b]0;title\a`, // neutralised
		strings.Repeat("x", 30000) + "\n":                    "xxx",
		"protocol 1.3\n" + strings.Repeat("x", 30000) + "\n": "xxx",
	} {
		c, _ := said(text)
		d, err := c.ReadHello()
		if !fault.Is(err, fault.Protocol) || !strings.Contains(err.Error(), quotes) {
			t.Errorf("%.50q: %+v, %v", text, d, err)
		} else if len(err.Error()) > 1000 {
			t.Errorf("%.50q: an error of %d bytes", text, len(err.Error()))
		}
	}
}

func TestCutLines(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "protocol 1.", "protocol 1.3", "protocol 1.3\n", "protocol 1.3\ndbfile da39 -"} {
		c, _ := said(text)
		if d, err := c.ReadHello(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %+v, %v", text, d, err)
		}
	}
	cut := errors.New("the link was cut")
	read := map[string]func(c *smd1.Conn) error{
		"hello":   func(c *smd1.Conn) error { _, err := c.ReadHello(); return err },
		"action":  func(c *smd1.Conn) error { _, err := c.ReadAction(); return err },
		"chunk":   func(c *smd1.Conn) error { _, _, err := c.ReadChunk(); return err },
		"request": func(c *smd1.Conn) error { _, _, err := c.ReadRequest(); return err },
	}
	for what, f := range read {
		for _, text := range []string{"", "E", "END", "COMMIT", "chunk 5"} {
			c, _ := said(text)
			if err := f(c); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: %q: %v", what, text, err)
			}
			c = smd1.NewConn(channel{io.MultiReader(strings.NewReader(text), iotest.ErrReader(cut)), io.Discard})
			if err := f(c); !errors.Is(err, cut) {
				t.Errorf("%s: %q: %v", what, text, err)
			}
		}
		// A line that never ends is refused in good time.
		endless := &endlessLine{}
		if err := f(smd1.NewConn(channel{endless, io.Discard})); !fault.Is(err, fault.Protocol) {
			t.Errorf("%s: endless line: %v", what, err)
		}
		if endless.n > 256<<10 {
			t.Errorf("%s: %d bytes were read of an endless line", what, endless.n)
		}
	}
}

// endlessLine knows how much of it was read.
type endlessLine struct{ n int }

func (r *endlessLine) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	r.n += len(p)
	return len(p), nil
}

func TestReadChunk(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789", 20000)
	for _, content := range []string{"", "x", "chunk 5\n", "no newline at its end", "\n\n\x00\r\n", large} {
		for reads, wrap := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader} {
			text := fmt.Sprintf("chunk %d\n%sABORT\n", len(content), content)
			c := smd1.NewConn(channel{wrap(strings.NewReader(text)), io.Discard})
			receives(t, c, content)
			if c.Received != int64(len(content)) {
				t.Errorf("%s: %d bytes counted, want %d", reads, c.Received, len(content))
			}
			if _, _, err := c.ReadChunk(); !errors.Is(err, smd1.ErrAborted) {
				t.Errorf("%s: behind %.20q: %v", reads, content, err)
			}
		}
	}
}

func TestReadChunkRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"chunk\n", "chunk \n", "chunk -1\n", "chunk x\n", "chunk 5 \n", "chunk  5\n", "chunk 5\r\n", "chunk 0x5\n", "chunk 5.0\n", "Chunk 5\n", "chunk5\n",
		"chunk 4294967297\n", "chunk 9223372036854775807\n", "chunk 9223372036854775808\n", "chunk 99999999999999999999999\n", "END\n", "\n", "abort\n", "ABORT \n",
	} {
		c, _ := said(text)
		if n, r, err := c.ReadChunk(); !fault.Is(err, fault.Protocol) || n != 0 || r != nil {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
}

// A chunk that is cut short is no chunk, and takes no memory for what is missing.
func TestShortChunk(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"chunk 5\n", "chunk 5\nabcd", fmt.Sprintf("chunk %d\nabcd", int64(smd1.MaxChunk))} {
		c, _ := said(text)
		n, chunk, err := c.ReadChunk()
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(chunk); !errors.Is(err, io.ErrUnexpectedEOF) || int64(len(b)) >= n {
			t.Errorf("%q: %q, %v", text, b, err)
		}
	}
}

// expectClassified fails for an error that is neither a broken rule nor a cut link.
func expectClassified(t *testing.T, err error) {
	t.Helper()
	if err != nil && !fault.Is(err, fault.Protocol) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, smd1.ErrAborted) {
		t.Errorf("unclassified: %v", err)
	}
}

func FuzzReadHello(f *testing.F) {
	f.Add([]byte("protocol 1.3\ndbfile da39a3ee5e6b4b0d3255bfef95601890afd80709 -\n"))
	f.Add([]byte("protocol 1.3\ndbfile - -\nmore"))
	f.Add([]byte("motd\n"))
	f.Add(bytes.Repeat([]byte("a"), 1<<17))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := smd1.NewConn(channel{bytes.NewReader(text), io.Discard})
		d, err := c.ReadHello()
		expectClassified(t, err)
		if err != nil {
			if d != (smd1.Digests{}) {
				t.Errorf("%+v besides %v", d, err)
			}
			return
		}
		if strings.ContainsAny(d.DB+d.New, " \n") || d.DB == "" || d.New == "" {
			t.Errorf("%q read as %+v", text, d)
		}
		// What was said comes back as it was understood.
		var out bytes.Buffer
		back := smd1.NewConn(channel{&out, &out})
		if err := back.SendHello(d); err != nil {
			t.Fatal(err)
		}
		if again, err := back.ReadHello(); err != nil || again != d {
			t.Errorf("%+v comes back as %+v, %v", d, again, err)
		}
	})
}

func FuzzReadChunk(f *testing.F) {
	f.Add([]byte("chunk 3\nabcABORT\n"))
	f.Add([]byte("chunk 0\nchunk 1\n\n"))
	f.Add([]byte("chunk 4294967296\nabc"))
	f.Add([]byte("chunk 4294967297\nabc"))
	f.Add([]byte("chunk -1\n"))
	f.Add(bytes.Repeat([]byte("a"), 1<<17))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := smd1.NewConn(channel{bytes.NewReader(text), io.Discard})
		rest := text
		for {
			n, chunk, err := c.ReadChunk()
			expectClassified(t, err)
			if err != nil {
				return
			}
			if n < 0 || n > smd1.MaxChunk {
				t.Fatalf("a chunk of %d bytes", n)
			}
			got, err := io.ReadAll(chunk)
			expectClassified(t, err)
			_, rest, _ = bytes.Cut(rest, []byte("\n"))
			if want := rest[:min(n, int64(len(rest)))]; !bytes.Equal(got, want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			if (err == nil) != (int64(len(got)) == n) {
				t.Fatalf("%d of %d bytes, %v", len(got), n, err)
			}
			if err != nil {
				return
			}
			rest = rest[n:]
		}
	})
}
