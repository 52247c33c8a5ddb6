package maildir_test

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"smd-applet/sync/maildir"
)

// sumOf hashes a message that is split by hand.
func sumOf(header, body string) maildir.Sum {
	return maildir.Sum{Header: sha1.Sum([]byte(header)), Body: sha1.Sum([]byte(body))}
}

// messages are split by hand where smd 1.3 (spec §2) splits them: the header is
// all bytes up to and including the first "\n\n".
var messages = map[string]struct{ header, body string }{
	"plain":                               {"Subject: one\n\n", "body\n"},
	"no body":                             {"Subject: one\n\n", ""},
	"body without a newline at its end":   {"Subject: one\n\n", "body"},
	"body that starts with a newline":     {"Subject: one\n\n", "\nbody\n"},
	"more empty lines":                    {"Subject: one\n\n", "a\n\nb\n\n\n"},
	"no header line":                      {"\n\n", "body\n"},
	"newline in front of the header":      {"\nSubject: one\n\n", "body\n"},
	"two newlines and nothing else":       {"\n\n", ""},
	"CRLF header, LF further down":        {"Subject: one\r\n\r\ntext\n\n", "body\r\n"},
	"CRLF in the body":                    {"Subject: one\n\n", "a\r\n\r\nb\r\n"},
	"NUL bytes":                           {"Subject: \x00\x00\n\n", "\x00\n\x00"},
	"8 bit":                               {"Subject: gr\xfc\xdfe\n\n", "\xff\xfe\x80"},
	"empty line at the end of a buffer":   {"X: " + strings.Repeat("x", 32<<10-5) + "\n\n", "body\n"},
	"empty line across two buffers":       {"X: " + strings.Repeat("x", 32<<10-4) + "\n\n", "body\n"},
	"empty line at the start of a buffer": {"X: " + strings.Repeat("x", 32<<10-3) + "\n\n", "body\n"},
	"huge header":                         {strings.Repeat("Received: from a by b\n", 40000) + "\n", "body\n"},
	"huge body":                           {"Subject: one\n\n", strings.Repeat("0123456789\n\n", 60000)},
}

func TestSumReader(t *testing.T) {
	t.Parallel()
	for name, m := range messages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for reads, wrap := range map[string]func(io.Reader) io.Reader{
				"as large as asked for": func(r io.Reader) io.Reader { return r },
				"half as large":         iotest.HalfReader,
				"with the end":          iotest.DataErrReader,
			} {
				got, err := maildir.SumReader(wrap(strings.NewReader(m.header + m.body)))
				if err != nil || got != sumOf(m.header, m.body) {
					t.Errorf("reads %s: %v, %v", reads, got, err)
				}
			}
		})
	}
}

func TestSumReaderRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		content string
		want    error
	}{
		"empty file":               {"", maildir.ErrEmpty},
		"one newline":              {"\n", maildir.ErrNotMessage},
		"no empty line":            {"Subject: one\nbody\n", maildir.ErrNotMessage},
		"a line with a space":      {"Subject: one\n \nbody\n", maildir.ErrNotMessage},
		"CRLF only":                {"Subject: one\r\n\r\nbody\r\n", maildir.ErrNotMessage},
		"CR only":                  {"Subject: one\r\rbody\r", maildir.ErrNotMessage},
		"NUL in the empty line":    {"Subject: one\n\x00\nbody\n", maildir.ErrNotMessage},
		"NUL bytes after a crash":  {strings.Repeat("\x00", 100000), maildir.ErrNotMessage},
		"huge line without an end": {strings.Repeat("x", 100000), maildir.ErrNotMessage},
	} {
		if got, err := maildir.SumReader(strings.NewReader(c.content)); !errors.Is(err, c.want) || got != (maildir.Sum{}) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
}

// A message that can't be read to its end has no digests.
func TestSumReaderTellsReadErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken disk")
	r := io.MultiReader(strings.NewReader("Subject: one\n\nbo"), iotest.ErrReader(broken))
	if got, err := maildir.SumReader(r); !errors.Is(err, broken) || got != (maildir.Sum{}) {
		t.Errorf("got %v, %v", got, err)
	}
}

// However a message is cut into writes, its digests are the same.
func TestHasherInAnyPieces(t *testing.T) {
	t.Parallel()
	h := maildir.NewHasher()
	rapid.Check(t, func(t *rapid.T) {
		content := []byte(rapid.StringOfN(rapid.SampledFrom([]rune("\n\n\r\x00a")), 0, 60, -1).Draw(t, "content"))
		h.Reset()
		for rest := content; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			if wrote, err := h.Write(rest[:n]); wrote != n || err != nil {
				t.Fatalf("wrote %d of %d: %v", wrote, n, err)
			}
			rest = rest[n:]
		}
		if h.Size() != int64(len(content)) {
			t.Errorf("size %d, want %d", h.Size(), len(content))
		}
		got, err := h.Sum()
		header, body, found := bytes.Cut(content, []byte("\n\n"))
		switch {
		case len(content) == 0:
			if !errors.Is(err, maildir.ErrEmpty) {
				t.Errorf("got %v", err)
			}
		case !found:
			if !errors.Is(err, maildir.ErrNotMessage) {
				t.Errorf("got %v", err)
			}
		default:
			if want := sumOf(string(header)+"\n\n", string(body)); err != nil || got != want {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
			if h.HeaderLen() != int64(len(header)+2) {
				t.Errorf("header of %d bytes, want %d", h.HeaderLen(), len(header)+2)
			}
		}
	})
}

func TestParseDigest(t *testing.T) {
	t.Parallel()
	const empty = "da39a3ee5e6b4b0d3255bfef95601890afd80709" // SHA-1 of nothing, as smd 1.3 (spec §4) abbreviates it
	d, err := maildir.ParseDigest(empty)
	if err != nil || d != sha1.Sum(nil) || d.String() != empty {
		t.Errorf("%s, %v", d, err)
	}
	for _, s := range []string{"", "-", empty[1:], empty + "0", empty[:39] + "g", empty[:39] + " ", strings.Repeat("é", 20), strings.Repeat("a", 1<<20)} {
		if _, err := maildir.ParseDigest(s); err == nil {
			t.Errorf("%.50q is taken for a digest", s)
		} else if len(err.Error()) > 300 {
			t.Errorf("the error quotes %d bytes", len(err.Error()))
		}
	}
}

// Writing nothing changes nothing.
func TestEmptyWrites(t *testing.T) {
	t.Parallel()
	h, whole := maildir.NewHasher(), maildir.NewHasher()
	for _, part := range []string{"", "a\n", "", "\nb", ""} {
		_, err := h.Write([]byte(part))
		check(t, err)
	}
	_, err := whole.Write([]byte("a\n\nb"))
	check(t, err)
	want, err := whole.Sum()
	check(t, err)
	if got, err := h.Sum(); err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
}
