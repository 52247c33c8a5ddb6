package smd2

import (
	"context"
	"io"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// Limited is a byte channel that is not faster than it may be.
type Limited struct {
	ctx      context.Context
	rw       io.ReadWriter
	up, down atomic.Pointer[rate.Limiter] // nil: no limit
}

// Limit wraps rw so that no more than up bytes a second are written to it and down
// read from it (LIMIT_UP, LIMIT_DOWN); 0 is no limit. Whoever reads slowly makes
// the other end write slowly. When ctx ends, whatever waits returns its error.
func Limit(ctx context.Context, rw io.ReadWriter, up, down int64) *Limited {
	l := &Limited{ctx: ctx, rw: rw}
	l.Set(up, down)
	return l
}

// Set changes the limits: the agent learns its own from the client's Hello.
func (l *Limited) Set(up, down int64) {
	l.up.Store(limiter(up))
	l.down.Store(limiter(down))
}

// limiter allows perSecond bytes a second. A burst is an eighth of a second's, so
// that the flow is even, but no less than a packet's and no more than a pipe's.
func limiter(perSecond int64) *rate.Limiter {
	if perSecond <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), int(min(max(perSecond/8, 1<<10), 64<<10)))
}

// Write passes b on in pieces, each when it may go.
func (l *Limited) Write(b []byte) (int, error) {
	written := 0
	for {
		piece, limit := b[written:], l.up.Load()
		if limit != nil {
			piece = piece[:min(len(piece), limit.Burst())]
			if err := limit.WaitN(l.ctx, len(piece)); err != nil {
				return written, err
			}
		}
		n, err := l.rw.Write(piece)
		if written += n; err != nil || written == len(b) {
			return written, err
		}
	}
}

// Read reads what is there, and returns it when it might have come.
func (l *Limited) Read(b []byte) (int, error) {
	limit := l.down.Load()
	if limit == nil {
		return l.rw.Read(b)
	}
	n, err := l.rw.Read(b[:min(len(b), limit.Burst())])
	if n > 0 && err == nil {
		err = limit.WaitN(l.ctx, n)
	}
	return n, err
}
