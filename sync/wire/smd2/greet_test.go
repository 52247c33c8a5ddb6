package smd2

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"smd-applet/sync/fault"
)

func TestGreetReadsOverNoise(t *testing.T) {
	t.Parallel()
	for name, noise := range map[string]string{
		"none":                        "",
		"a shell that talks":          "Welcome to box\r\nLast login: today\r\n",
		"no line end":                 "stty: stdin isn't a terminal",
		"the start of a magic":        magic[:5],
		"many starts":                 strings.Repeat(magic[:7], 3) + magic[:1],
		"all but the end":             magic[:len(magic)-1] + "\r",
		"as much as there may be":     strings.Repeat("x", maxNoise),
		"control bytes, also of ours": "\x00\xff\x00\xff\x1a",
	} {
		var sent bytes.Buffer
		c := NewConn(strings.NewReader(noise+magic+frame(15, 0, 1, "\xa0")), &sent, Options{})
		if err := c.Greet(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if sent.String() != magic {
			t.Errorf("%s: %q was sent", name, sent.String())
		}
		if msg, err := c.Receive(); err != nil {
			t.Errorf("%s: then %v, %v", name, msg, err)
		}
	}
}

func TestGreetQuotesWhatIsNoGreeting(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says, want string
		ended      bool
	}{
		"stock syncmaildir":     {"protocol 1.3\ndbfile abc abc\n", `says "protocol 1.3" in`, true},
		"a shell":               {"\n\n  sh: smd-applet: not found\n", `says "sh: smd-applet: not found" in`, true},
		"control characters":    {"\x1b]0;title\x07hello\n", `says "\x1b]0;title\ahello" in`, true},
		"silence":               {"", "says nothing", true},
		"a terminal in between": {strings.ReplaceAll(magic, "\r\n", "\n"), `says "\x00\xffsmd/2" in`, true},
		"too much":              {"first\n" + strings.Repeat("noise\n", 20000) + magic, `says "first" in`, false},
		"one line without end":  {strings.Repeat("x", 2*maxNoise), `"` + strings.Repeat("x", maxQuote) + `…"`, false},
	} {
		err := said(c.says).Greet()
		if !fault.Is(err, fault.Protocol) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
		if errors.Is(err, io.ErrUnexpectedEOF) != c.ended {
			t.Errorf("%s: %v; that the channel ended: %v", name, err, c.ended)
		}
	}
}

// TestGreetOverABadChannel: an error of the channel is not the other end's words.
func TestGreetOverABadChannel(t *testing.T) {
	t.Parallel()
	cut := errors.New("cut")
	if err := NewConn(iotest.ErrReader(cut), io.Discard, Options{}).Greet(); err != cut {
		t.Error(err)
	}
	_, w := io.Pipe()
	check(t, w.CloseWithError(cut))
	if err := NewConn(strings.NewReader(magic), w, Options{}).Greet(); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}
