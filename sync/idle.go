package sync

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
)

// How long the line may be silent: for a scan of a large cold mailbox at the
// other end, and otherwise (design, safety rule 6).
const (
	scanSilence = 30 * time.Minute
	silence     = 2 * time.Minute
)

// idleChannel cancels a run whose line is silent for too long.
type idleChannel struct {
	remote.Channel
	timer *time.Timer
	limit atomic.Int64 // nanoseconds
}

func newIdleChannel(c remote.Channel, cancel context.CancelCauseFunc) *idleChannel {
	ch := &idleChannel{
		Channel: c,
		timer: time.AfterFunc(silence, func() {
			cancel(&fault.Error{Kind: fault.Network, Op: "wait for the other end", Context: "receive", Err: errors.New("nothing has come for too long")})
		}),
	}
	ch.limit.Store(int64(silence))
	return ch
}

// expect sets how long silence is borne from now on.
func (c *idleChannel) expect(scan bool) {
	limit := silence
	if scan {
		limit = scanSilence
	}
	if c.limit.Swap(int64(limit)) != int64(limit) {
		c.timer.Reset(limit)
	}
}

func (c *idleChannel) stop() { c.timer.Stop() }

func (c *idleChannel) Read(b []byte) (int, error) {
	n, err := c.Channel.Read(b)
	c.timer.Reset(time.Duration(c.limit.Load()))
	return n, err
}

func (c *idleChannel) Write(b []byte) (int, error) {
	n, err := c.Channel.Write(b)
	c.timer.Reset(time.Duration(c.limit.Load()))
	return n, err
}
