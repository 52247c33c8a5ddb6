package twoway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	stdsync "sync"
	"sync/atomic"

	"smd-applet/sync/fault"
	"smd-applet/sync/reconcile"
	"smd-applet/sync/wire/smd2"
)

// Client is the deciding end's line to an agent. It outlives a run: between two
// runs it hears of changes at the other end.
type Client struct {
	peer   *peer
	theirs smd2.Hello
	log    *slog.Logger

	msgs    chan any // to the run going on
	running atomic.Bool
	changed chan struct{} // one slot
	gone    chan struct{} // closed when the line is
	mu      stdsync.Mutex
	err     error  // why
	hints   []hint // what came with Changed
	wait    stdsync.WaitGroup
}

// Connect greets the agent on the other side of conn. An agent that speaks no
// version of ours is an error of kind [fault.Protocol]. The line ends when ctx
// does; the caller closes the channel below conn before [Client.Close].
func Connect(ctx context.Context, conn *smd2.Conn, hello smd2.Hello, log *slog.Logger) (*Client, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	hello.Oldest, hello.Newest, hello.Features = smd2.Version, smd2.Version, smd2.Features
	if err := greet(conn, &hello); err != nil {
		return nil, err
	}
	theirs, err := readHello(conn)
	if err != nil {
		return nil, err
	}
	if _, _, err := smd2.Negotiate(hello, *theirs); err != nil {
		return nil, err
	}
	c := &Client{
		peer: newPeer(ctx, conn), theirs: *theirs, log: log,
		msgs: make(chan any), changed: make(chan struct{}, 1), gone: make(chan struct{}),
	}
	c.wait.Go(c.pump)
	return c, nil
}

// Program is who the agent says it is.
func (c *Client) Program() string { return c.theirs.Program }

// Changed has something when the agent's mailbox may have changed since the last run.
func (c *Client) Changed() <-chan struct{} { return c.changed }

// Gone is closed when the line has ended; Err then says why.
func (c *Client) Gone() <-chan struct{} { return c.gone }

// Err says why the line has ended.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the line and waits for what belongs to it. The channel below must
// have been closed.
func (c *Client) Close() {
	c.peer.close()
	c.peer.wait.Wait()
	c.wait.Wait()
}

// pump hands what comes to whom it is for.
func (c *Client) pump() {
	defer close(c.gone)
	for {
		select {
		case <-c.peer.ctx.Done():
			c.end(context.Cause(c.peer.ctx))
			return
		case r := <-c.peer.inbox:
			if r.err != nil {
				if errors.Is(r.err, io.EOF) {
					r.err = io.ErrUnexpectedEOF
				}
				c.end(lost("receive", r.err))
				c.peer.cancel(r.err)
				return
			}
			if m, ok := r.msg.(*smd2.Changed); ok {
				c.keep(m)
				select {
				case c.changed <- struct{}{}:
				default:
				}
				c.peer.handled()
				continue
			}
			if !c.running.Load() {
				c.peer.handled() // the end of a run that was given up
				continue
			}
			select {
			case c.msgs <- r.msg:
			case <-c.peer.ctx.Done():
			}
		}
	}
}

// hint is a new message of the agent's that came before it was asked for.
type hint struct {
	change  reconcile.Change
	content []byte
}

// maxKept bounds the hints that wait for a run.
const maxKept = 2 * maxHints

// keep keeps what came with a hint: the line's buffer is used again.
func (c *Client) keep(m *smd2.Changed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, change := range m.Changes {
		if i < len(m.Contents) && len(c.hints) < maxKept && len(m.Contents[i]) <= maxAlong {
			c.hints = append(c.hints, hint{change, bytes.Clone(m.Contents[i])})
		}
	}
}

func (c *Client) takeHints() []hint {
	c.mu.Lock()
	defer c.mu.Unlock()
	hints := c.hints
	c.hints = nil
	return hints
}

func (c *Client) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

// Run brings both ends together. Whatever it returns, no message is lost: what
// was not reached is done by the next run. After an error the line is of no more
// use.
func (c *Client) Run(ctx context.Context, opt RunOptions) (*Result, error) {
	if !c.running.CompareAndSwap(false, true) {
		return nil, fault.New(fault.Internal, "sync", "", errors.New("a run is going on"))
	}
	defer c.running.Store(false)
	select {
	case <-c.changed: // this run sees it
	default:
	}
	if opt.Log == nil {
		opt.Log = c.log
	}
	r := newRun(c, opt)
	err := r.do(ctx)
	if err == nil && (r.left > 0 || r.end.cleared > 0 || r.ended != nil && r.ended.Again) {
		r.result.Again = true
	}
	switch {
	case opt.DryRun:
	case err != nil:
		if err := r.listUnsettled(); err != nil {
			opt.Log.Warn("what was under way is not noted: what is moved before the next run may be kept twice", "err", err)
		}
	case r.left == 0: // else another run is due
		if err := unlist(r.end.DB); err != nil {
			opt.Log.Warn("the list of what was brought stays", "err", err)
		}
	}
	r.close()
	slices.Sort(r.result.Damaged)
	return r.result, err
}
