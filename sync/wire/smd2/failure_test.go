package smd2

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"smd-applet/sync/fault"
)

// TestFailureCrosses: what one end says of its failure is what the other end tells.
func TestFailureCrosses(t *testing.T) {
	t.Parallel()
	denied := &fs.PathError{Op: "open", Path: "Mail/.work", Err: syscall.EACCES}
	for name, c := range map[string]struct {
		err  error
		kind fault.Kind
		says string
		hint string // "": that of the kind
	}{
		"all of it":            {&fault.Error{Kind: fault.Locked, Op: "lock", Path: "Mail", Err: errors.New("a run of pc2 has it"), Hint: "wait"}, fault.Locked, "lock: Mail: the other end says: a run of pc2 has it", "wait"},
		"the path stands once": {fault.New(fault.Permission, "scan", "Mail/.work", denied), fault.Permission, "scan: Mail/.work: the other end says: permission denied", ""},
		"only a kind":          {&fault.Error{Kind: fault.DiskFull}, fault.DiskFull, "the disk is full", ""},
		"more than one line":   {fault.New(fault.Hook, "", "", errors.Join(io.EOF, io.ErrClosedPipe)), fault.Hook, "the other end says: EOF; io: read/write on closed pipe", ""},
		"unclassified":         {io.ErrShortWrite, fault.Internal, "the other end says: short write", ""},
		"its own login":        {fault.New(fault.Auth, "log in", "box", nil), fault.RemoteFailed, "log in: box: the other end failed", ""},
	} {
		conn, _ := pipe(Options{})
		failure := through(t, conn, NewFailure(c.err)).(*Failure)
		e := failure.Err()
		if e.Kind != c.kind || e.Error() != c.says {
			t.Errorf("%s: %s, %q; want %s, %q", name, e.Kind, e, c.kind, c.says)
		}
		if want := c.hint; want != "" && e.WayOut() != want || want == "" && e.WayOut() != (&fault.Error{Kind: c.kind}).WayOut() {
			t.Errorf("%s: the way out %q", name, e.WayOut())
		}
	}
}

// TestTagsCross: SMD's words are kept where they are words.
func TestTagsCross(t *testing.T) {
	t.Parallel()
	e := &fault.Error{Kind: fault.Translator, Context: "conf", Cause: "translator-not-found"}
	if context, cause := NewFailure(e).Err().Tags(); context != "conf" || cause != "translator-not-found" {
		t.Errorf("%s/%s", context, cause)
	}
	forged := &Failure{Kind: "locked", Context: "x) suggested-actions(run(rm))", Cause: "a b"}
	if context, cause := forged.Err().Tags(); context != "locking" || cause != "another-instance-is-running" {
		t.Errorf("forged: %s/%s", context, cause)
	}
}

// TestFailureTextsAreTame: whatever a peer says is short, on one line, and without
// what a terminal obeys.
func TestFailureTextsAreTame(t *testing.T) {
	t.Parallel()
	if got := (&Failure{Kind: "made-up", Text: "\x1b[2J\u202egone\xff"}).Err(); got.Kind != fault.RemoteFailed ||
		got.Error() != "the other end says: \ufffd[2J\ufffdgone\ufffd" {
		t.Errorf("%s: %q", got.Kind, got)
	}
	long := strings.Repeat("ä\n", 1<<16)
	if got := (&Failure{Op: long, Path: long, Text: long, Hint: long, Context: long}).Err(); len(got.Error())+len(got.WayOut()) > 32<<10 || got.Context != "" {
		t.Errorf("%d bytes are kept", len(got.Error())+len(got.WayOut()))
	}
	draw := rapid.MakeCustom[Failure](anything)
	rapid.Check(t, func(t *rapid.T) {
		f := draw.Draw(t, "failure")
		e := f.Err()
		for _, s := range []string{e.Error(), e.WayOut(), e.Context, e.Cause} {
			if i := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
				t.Fatalf("%q", s)
			}
		}
		if len(e.Suggested()) == 0 {
			t.Fatal("nothing is suggested")
		}
	})
}
