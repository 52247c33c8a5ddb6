package smd1_test

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"smd-applet/sync/delta"
	"smd-applet/sync/maildir"
	"smd-applet/sync/wire/smd1"
)

// channel is one end of a link whose other end has said all it will say.
type channel struct {
	io.Reader
	io.Writer
}

// said is a Conn to an end that says text, and what is said to it.
func said(text string) (*smd1.Conn, *bytes.Buffer) {
	var out bytes.Buffer
	return smd1.NewConn(channel{strings.NewReader(text), &out}), &out
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// transcript reads what client and server say from a file in testdata.
func transcript(t *testing.T, name string) (client, server string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	check(t, err)
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		who, quoted, _ := strings.Cut(line, " ")
		bytes, err := strconv.Unquote(quoted)
		check(t, err)
		switch who {
		case "C":
			client += bytes
		case "S":
			server += bytes
		default:
			t.Fatalf("%s: %q", name, line)
		}
	}
	return client, server
}

func digest(s string) maildir.Digest { return sha1.Sum([]byte(s)) }

// The contents in the transcripts, and the actions of run.txt.
const (
	header1, header2, labelled = "Subject: one\n\n", "Subject: two\n\n", "Subject: one\nX-Label: done\n\n"
	body1, body2               = "first body\n", "second body\n"
)

var (
	oldState = digest("old db\n").String()
	noState  = digest("").String()
	one      = maildir.Sum{Header: digest(header1), Body: digest(body1)}
	two      = maildir.Sum{Header: digest(header2), Body: digest(body2)}
	actions  = []delta.Action{
		{Kind: delta.Add, Dst: "Mail/.work/cur/1700000000.M1P2.host:2,S", Sum: one},
		{Kind: delta.Add, Dst: "Mail/my folder/cur/100%%20.host:2,", Sum: one},
		{Kind: delta.Copy, Src: "Mail/cur/1", Dst: "Mail/TO/cur/2", Sum: one},
		{Kind: delta.Move, Src: "Mail/new/3", Dst: "Mail/cur/3:2,S", Sum: one},
		{Kind: delta.CopyBody, Src: "Mail/cur/4", Dst: "Mail/Grüße/cur/5", Was: maildir.Sum{Body: one.Body}, Sum: maildir.Sum{Header: two.Header, Body: one.Body}},
		{Kind: delta.ReplaceHeader, Dst: "Mail/cur/6", Was: one, Sum: maildir.Sum{Header: digest(labelled), Body: one.Body}},
		{Kind: delta.Replace, Dst: "Mail/cur/7", Was: one, Sum: two},
		{Kind: delta.Delete, Dst: "Mail/cur/8", Was: maildir.Sum{Header: two.Header, Body: digest("")}},
	}
)

// transfers are the requests of run.txt; the answer "ABORT" is not a chunk.
var transfers = []struct {
	request      smd1.Request
	name, answer string
}{
	{smd1.Get, "Mail/.work/cur/1700000000.M1P2.host:2,S", header1 + body1},
	{smd1.Get, "Mail/my folder/cur/100%%20.host:2,", header1 + body1},
	{smd1.GetHeader, "Mail/Grüße/cur/5", header2},
	{smd1.GetBody, "Mail/cur/7", body2},
	{smd1.GetBody, "Mail/cur/8", ""},
	{smd1.Get, "Mail/cur/9 ", "ABORT"},
}

const patch = "\xd6\xc3\xc4\x00\nE"

// plays are the parts of both ends in each transcript.
var plays = map[string]struct {
	client, server func(t *testing.T, c *smd1.Conn)
}{
	"run": {
		client: func(t *testing.T, c *smd1.Conn) {
			t.Helper()
			check(t, c.SendHello(smd1.Digests{DB: oldState, New: "-"}))
			hears(t, c, smd1.Digests{DB: oldState, New: noState})
			for _, want := range actions {
				if got, err := c.ReadAction(); err != nil || got != want {
					t.Fatalf("heard %+v, %v, want %+v", got, err, want)
				}
			}
			if _, err := c.ReadAction(); !errors.Is(err, io.EOF) {
				t.Fatalf("at the end: %v", err)
			}
			for _, w := range transfers {
				check(t, c.SendGet(w.request, w.name))
			}
			check(t, c.Flush())
			for _, w := range transfers {
				if w.answer == "ABORT" {
					if _, _, err := c.ReadChunk(); !errors.Is(err, smd1.ErrAborted) {
						t.Fatalf("heard %v", err)
					}
					continue
				}
				receives(t, c, w.answer)
			}
			check(t, c.SendWord(smd1.Commit))
			receives(t, c, patch)
			check(t, c.SendWord(smd1.Done))
			if want := int64(25 + 25 + 14 + 12 + 6); c.Received != want || c.Sent != 0 {
				t.Errorf("received %d, sent %d, want %d and none", c.Received, c.Sent, want)
			}
		},
		server: func(t *testing.T, c *smd1.Conn) {
			t.Helper()
			check(t, c.SendHello(smd1.Digests{DB: oldState, New: noState}))
			hears(t, c, smd1.Digests{DB: oldState, New: "-"})
			for _, a := range actions {
				check(t, c.SendAction(a))
			}
			check(t, c.SendEnd())
			for _, w := range transfers {
				isAsked(t, c, w.request, w.name)
				if w.answer == "ABORT" {
					check(t, c.SendAbort())
					continue
				}
				sends(t, c, w.answer)
			}
			isAsked(t, c, smd1.Commit, "")
			sends(t, c, patch)
			isAsked(t, c, smd1.Done, "")
			if want := int64(25 + 25 + 14 + 12 + 6); c.Sent != want || c.Received != 0 {
				t.Errorf("sent %d, received %d, want %d and none", c.Sent, c.Received, want)
			}
		},
	},
	"failed-scan": {
		client: func(t *testing.T, c *smd1.Conn) {
			t.Helper()
			check(t, c.SendHello(smd1.Digests{DB: noState, New: "-"}))
			hears(t, c, smd1.Digests{DB: noState, New: "-"})
			a, err := c.ReadAction()
			if err != nil || a != (delta.Action{Kind: delta.Fail, Text: "scan: Mail/100% done: permission denied"}) {
				t.Errorf("heard %+v, %v", a, err)
			}
			if _, err := c.ReadAction(); !errors.Is(err, io.EOF) {
				t.Errorf("at the end: %v", err)
			}
			check(t, c.SendAbort())
		},
		server: func(t *testing.T, c *smd1.Conn) {
			t.Helper()
			check(t, c.SendHello(smd1.Digests{DB: noState, New: "-"}))
			hears(t, c, smd1.Digests{DB: noState, New: "-"})
			check(t, c.SendAction(delta.Action{Kind: delta.Fail, Text: "scan: Mail/100% done:\npermission denied"}))
			check(t, c.SendEnd())
			isAsked(t, c, smd1.Abort, "")
		},
	},
	"given-up": {
		client: func(t *testing.T, c *smd1.Conn) {
			t.Helper()
			check(t, c.SendHello(smd1.Digests{DB: noState, New: "-"}))
			hears(t, c, smd1.Digests{DB: noState, New: "-"})
			if _, err := c.ReadAction(); !errors.Is(err, smd1.ErrAborted) {
				t.Errorf("heard %v", err)
			}
		},
		server: func(t *testing.T, c *smd1.Conn) {
			t.Helper()
			check(t, c.SendHello(smd1.Digests{DB: noState, New: "-"}))
			hears(t, c, smd1.Digests{DB: noState, New: "-"})
			check(t, c.SendWord(smd1.Abort))
		},
	},
}

func hears(t *testing.T, c *smd1.Conn, want smd1.Digests) {
	t.Helper()
	if got, err := c.ReadHello(); err != nil || got != want {
		t.Fatalf("heard %+v, %v, want %+v", got, err, want)
	}
}

func isAsked(t *testing.T, c *smd1.Conn, want smd1.Request, wantName string) {
	t.Helper()
	if r, name, err := c.ReadRequest(); err != nil || r != want || name != wantName {
		t.Fatalf("asked for %s %q, %v, want %s %q", r, name, err, want, wantName)
	}
}

func sends(t *testing.T, c *smd1.Conn, content string) {
	t.Helper()
	check(t, c.SendChunkHeader(int64(len(content))))
	_, err := io.WriteString(c.ChunkWriter(), content)
	check(t, err)
}

func receives(t *testing.T, c *smd1.Conn, want string) {
	t.Helper()
	n, chunk, err := c.ReadChunk()
	check(t, err)
	b, err := io.ReadAll(chunk)
	if err != nil || string(b) != want || n != int64(len(want)) {
		t.Fatalf("received %d bytes, %q, %v, want %q", n, b, err, want)
	}
}

// Each end, hearing what the other says in a transcript, says its own part byte
// for byte.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	for name, play := range plays {
		for _, end := range []string{"client", "server"} {
			t.Run(name+" "+end, func(t *testing.T) {
				t.Parallel()
				client, server := transcript(t, name)
				says, hears, part := client, server, play.client
				if end == "server" {
					says, hears, part = server, client, play.server
				}
				c, out := said(hears)
				part(t, c)
				check(t, c.Flush())
				if out.String() != says {
					t.Errorf("said\n%s\nwant\n%s", out, says)
				}
				if _, err := c.ReadAction(); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("not all was heard: %v", err)
				}
			})
		}
	}
}
