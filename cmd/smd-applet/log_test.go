package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	stdsync "sync"
	"testing"

	"smd-applet/desktoptest"
)

func TestLastLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"", 3, ""},
		{"a\nb\nc\n", 2, "b\nc\n"},
		{"a\nb\nc", 2, "b\nc"},
		{"a\nb\n", 9, "a\nb\n"},
		{"a\nb\n", 2, "a\nb\n"},
		{"a\nb\n", 0, ""},
		{"a\n\n\n", 1, "\n"},
		{"\n", 1, "\n"},
	} {
		if got := string(lastLines([]byte(c.text), c.n)); got != c.want {
			t.Errorf("the last %d of %q: %q, want %q", c.n, c.text, got, c.want)
		}
	}
}

// heard is a writer that a test may look at.
type heard struct {
	mu   stdsync.Mutex
	text strings.Builder
}

func (h *heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(b)
}

func (h *heard) has(want string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String() == want
}

// A log is followed while it grows, is begun anew, and is replaced.
func TestFollowLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "loop.log")
	write := func(flags int, text string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	write(0, "one\ntwo\nthree\n")
	ctx, cancel := context.WithCancel(t.Context())
	out, ended := &heard{}, make(chan error, 1)
	go func() { ended <- followLog(ctx, path, 2, out) }()
	shows := func(want string) {
		t.Helper()
		desktoptest.Until(t, want, func() bool { return out.has(want) })
	}
	shows("two\nthree\n")
	write(os.O_APPEND, "four\n")
	shows("two\nthree\nfour\n")
	write(os.O_TRUNC, "new\n")
	shows("two\nthree\nfour\nnew\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(0, "next\n")
	shows("two\nthree\nfour\nnew\nnext\n")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
