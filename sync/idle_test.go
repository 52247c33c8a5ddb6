package sync

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
)

// silentEnd is a channel to a peer that says nothing, ever, or a byte at a time.
type silentEnd struct {
	remote.Channel
	said chan byte
}

func (s silentEnd) Read(b []byte) (int, error) {
	c, ok := <-s.said
	if !ok {
		return 0, io.EOF
	}
	b[0] = c
	return 1, nil
}

// A peer that stalls for ever ends the run after two minutes, one that scans after
// half an hour; one that sends a byte every now and then ends nothing.
func TestSilence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		scan  bool
		every time.Duration // between two bytes of the hour the peer talks for; 0 is never
		ends  time.Duration // 0 is not
	}{
		{"it stalls", false, 0, 2 * time.Minute},
		{"it stalls during a scan", true, 0, 30 * time.Minute},
		{"a byte a minute", false, time.Minute, 0},
		{"a byte every five minutes", false, 5 * time.Minute, 2 * time.Minute},
		{"a byte every five minutes of a scan", true, 5 * time.Minute, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				said := make(chan byte)
				ch := newIdleChannel(silentEnd{said: said}, cancel)
				defer ch.stop()
				ch.expect(c.scan)
				began := time.Now()
				heard := make(chan struct{})
				go func() {
					defer close(heard)
					for {
						if _, err := ch.Read(make([]byte, 8)); err != nil {
							return
						}
					}
				}()
				var talk <-chan time.Time
				if c.every > 0 {
					ticker := time.NewTicker(c.every)
					defer ticker.Stop()
					talk = ticker.C
				}
				hour := time.After(time.Hour)
				for going := true; going; {
					select {
					case <-talk:
						said <- 'x'
					case <-hour:
						going = false
					case <-ctx.Done():
						going = false
					}
				}
				took := time.Since(began)
				close(said)
				<-heard
				switch {
				case c.ends == 0 && ctx.Err() != nil:
					t.Errorf("it ended after %v: %v", took, context.Cause(ctx))
				case c.ends > 0 && (took != c.ends || !fault.Is(context.Cause(ctx), fault.Network)):
					t.Errorf("after %v: %v, want an end after %v", took, context.Cause(ctx), c.ends)
				}
			})
		})
	}
}
