package smd2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

type readWriter struct {
	io.Reader
	io.Writer
}

func TestLimitUp(t *testing.T) {
	t.Parallel()
	for _, rate := range []int64{100, 10_000, 1 << 20, 1 << 40} {
		synctest.Test(t, func(t *testing.T) {
			var wire bytes.Buffer
			l := Limit(t.Context(), readWriter{nil, &wire}, rate, 0)
			content := bytes.Repeat([]byte("0123456789abcdef"), int(min(rate*10, 4<<20)/16))
			start := time.Now()
			n, err := l.Write(content)
			if err != nil || n != len(content) || !bytes.Equal(wire.Bytes(), content) {
				t.Fatalf("%d bytes of %d, %v", n, len(content), err)
			}
			// The first burst goes at once.
			want := time.Duration(float64(len(content)) / float64(rate) * float64(time.Second))
			if took := time.Since(start); took > want || took < want-want/50-max(time.Second/8, time.Duration(1<<10*int64(time.Second)/rate)) {
				t.Errorf("%d bytes at %d a second took %s, want about %s", n, rate, took, want)
			}
		})
	}
}

func TestLimitDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		content := random(1, 100_000)
		l := Limit(t.Context(), readWriter{bytes.NewReader(content), nil}, 0, 10_000)
		start := time.Now()
		got, err := io.ReadAll(l)
		if err != nil || !bytes.Equal(got, content) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if took := time.Since(start); took < 9800*time.Millisecond || took > 10*time.Second {
			t.Errorf("it took %s, want about 10 s", took)
		}
	})
}

// TestLimitsChange: off is off, and limits may be set while the channel is used.
func TestLimitsChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var wire bytes.Buffer
		l := Limit(t.Context(), &wire, 0, 0)
		took := func(n int) time.Duration {
			t.Helper()
			start := time.Now()
			if _, err := l.Write(make([]byte, n)); err != nil {
				t.Fatal(err)
			}
			if m, err := io.CopyN(io.Discard, l, int64(n)); err != nil {
				t.Fatal(m, err)
			}
			return time.Since(start)
		}
		if d := took(10 << 20); d != 0 {
			t.Errorf("without limits it took %s", d)
		}
		l.Set(10_000, 20_000)
		if d := took(100_000); d < 14*time.Second || d > 15*time.Second {
			t.Errorf("10 s up and 5 s down took %s", d)
		}
		l.Set(0, 0)
		if d := took(10 << 20); d != 0 {
			t.Errorf("without limits again it took %s", d)
		}
	})
}

// TestLimitIsCancelled: who waits for its turn does not wait for ever.
func TestLimitIsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		var wire bytes.Buffer
		l := Limit(ctx, &wire, 1, 1)
		time.AfterFunc(time.Hour, func() { cancel(gone) })
		start := time.Now()
		n, err := l.Write(make([]byte, 1<<20))
		if !errors.Is(err, context.Canceled) || time.Since(start) != time.Hour || n >= 1<<20 || n != wire.Len() {
			t.Errorf("%d bytes and %v after %s", n, err, time.Since(start))
		}
		if n, err := l.Read(make([]byte, 10)); n != 10 || err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("read %d bytes, %v", n, err)
		}
	})
}
