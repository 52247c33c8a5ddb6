package twoway

import (
	"context"
	"errors"
	"io"
	stdsync "sync"

	"smd-applet/sync/agreed"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/wire/smd2"
)

// peer is the other end as both kinds of end see it: what comes from it, and two
// queues of what goes to it. Nothing waits for the line but the goroutines here,
// so two ends that both have much to send never wait for each other.
type peer struct {
	conn *smd2.Conn

	inbox chan received
	next  chan struct{} // the last of inbox was handled

	mu      stdsync.Mutex
	control []any     // go first
	bodies  []content // after them
	wake    chan struct{}
	eased   chan struct{}   // control was taken
	missing map[uint64]bool // content that could not be sent
	junk    []agreed.Key    // files that turned out to be no messages

	cancel context.CancelCauseFunc
	ctx    context.Context
	wait   stdsync.WaitGroup
}

type received struct {
	msg any
	err error
}

// content is a message to be sent.
type content struct {
	id     uint64
	key    agreed.Key
	place  maildir.Place
	hidden bool // the other end may not have it
}

func newPeer(ctx context.Context, conn *smd2.Conn) *peer {
	p := &peer{
		conn: conn, inbox: make(chan received), next: make(chan struct{}), wake: make(chan struct{}, 1),
		eased: make(chan struct{}, 1),
	}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	p.wait.Go(p.receive)
	p.wait.Go(p.transmit)
	return p
}

// close ends the goroutines; the channel below must have been closed, or be
// closed soon, for the reading one.
func (p *peer) close() {
	p.cancel(errClosed)
}

var errClosed = errors.New("closed")

func (p *peer) receive() {
	for {
		msg, err := p.conn.Receive()
		select {
		case p.inbox <- received{msg, err}:
		case <-p.ctx.Done():
			return
		}
		if err != nil {
			return
		}
		select {
		case <-p.next:
		case <-p.ctx.Done():
			return
		}
	}
}

// handled lets the next message come; what the last one pointed to may be
// overwritten by it.
func (p *peer) handled() {
	select {
	case p.next <- struct{}{}:
	case <-p.ctx.Done():
	}
}

// send queues a message.
func (p *peer) send(msg any) {
	p.mu.Lock()
	p.control = append(p.control, msg)
	p.mu.Unlock()
	p.rouse()
}

// sendBody queues the content of a message, which goes in the order of the calls.
func (p *peer) sendBody(c content) {
	p.mu.Lock()
	p.bodies = append(p.bodies, c)
	p.mu.Unlock()
	p.rouse()
}

// queued is how many messages wait to be sent.
func (p *peer) queued() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.bodies)
}

func (p *peer) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// maxControl is how many messages an agent lets wait before it takes another
// request: a client that asks and does not read is not to fill the memory.
const maxControl = 64

func (p *peer) crowded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.control) >= maxControl
}

func (p *peer) takeControl() []any {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.control
	p.control = nil
	if len(list) > 0 {
		select {
		case p.eased <- struct{}{}:
		default:
		}
	}
	return list
}

func (p *peer) takeBody() (content, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.bodies) == 0 {
		p.bodies = nil
		return content{}, false
	}
	c := p.bodies[0]
	p.bodies = p.bodies[1:]
	return c, true
}

// wasMissing reports whether content could not be sent, once.
func (p *peer) wasMissing(id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.missing[id]
	delete(p.missing, id)
	return was
}

// takeJunk returns the files that turned out to be no messages.
func (p *peer) takeJunk() []agreed.Key {
	p.mu.Lock()
	defer p.mu.Unlock()
	junk := p.junk
	p.junk, p.missing = nil, nil
	return junk
}

// transmit sends what is queued until the peer is closed.
func (p *peer) transmit() {
	s := &sender{peer: p}
	defer s.hands.Close()
	for {
		for {
			list := p.takeControl()
			for _, msg := range list {
				if err := p.conn.Send(msg); err != nil {
					p.cancel(lost("send", err))
					return
				}
			}
			if c, ok := p.takeBody(); ok {
				if err := s.body(c); err != nil {
					p.cancel(err)
					return
				}
				continue
			}
			if len(list) == 0 {
				break
			}
		}
		s.hands.Close()
		if err := s.flush(); err != nil {
			p.cancel(err)
			return
		}
		select {
		case <-p.wake:
		case <-p.ctx.Done():
			s.release()
			return
		}
	}
}

// lost is what a broken line means.
func lost(op string, err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return err
	}
	return &fault.Error{Kind: fault.Network, Op: op, Context: "receive", Err: err}
}

// packSize is how much content goes into one frame.
const packSize = 192 << 10

// sender packs the content of messages into frames.
type sender struct {
	peer   *peer
	hands  maildir.Hands // of the messages that are queued
	buf    []byte
	used   int
	parts  []smd2.Part
	hasher *agreed.Hasher
}

// body sends one message. One that is not there any more is told to be missing,
// and one that changes while it is read has a sum that says so.
func (s *sender) body(c content) error {
	if c.hidden {
		return s.missing(c, false)
	}
	if s.buf == nil {
		s.buf, s.hasher = make([]byte, packSize), agreed.NewHasher(false)
	}
	f, st, err := s.hands.Open(c.place)
	if err != nil {
		return s.missing(c, false)
	}
	defer f.Close()
	s.hasher.Reset()
	for rest := st.Size; ; {
		if s.used == len(s.buf) {
			if err := s.pack(); err != nil {
				return err
			}
		}
		room := s.buf[s.used:]
		n, err := f.Read(room)
		s.used += n
		s.hasher.Write(room[:n])
		if n > 0 {
			s.parts = append(s.parts, smd2.Part{ID: c.id, Data: room[:n]})
		}
		rest -= int64(n)
		switch {
		// A reading that is short where the file ends saves the one that says so.
		case errors.Is(err, io.EOF), err == nil && rest == 0 && n < len(room):
			sum, err := s.hasher.Sum()
			if err != nil {
				return s.missing(c, true)
			}
			return s.end(smd2.Part{ID: c.id, Last: true, Sum: sum})
		case err != nil:
			return s.missing(c, false)
		}
	}
}

// missing tells that there is no such message.
func (s *sender) missing(c content, junk bool) error {
	p := s.peer
	p.mu.Lock()
	if p.missing == nil {
		p.missing = make(map[uint64]bool)
	}
	p.missing[c.id] = true
	if junk {
		p.junk = append(p.junk, c.key)
	}
	p.mu.Unlock()
	return s.end(smd2.Part{ID: c.id, Last: true, Missing: true})
}

// maxParts bounds the messages in one frame: empty ones take no room in buf.
const maxParts = 1024

// end closes a message; the piece before it, if it is of the same message, takes
// the end on.
func (s *sender) end(p smd2.Part) error {
	if n := len(s.parts); n > 0 && s.parts[n-1].ID == p.ID && !s.parts[n-1].Last {
		p.Data = s.parts[n-1].Data
		s.parts[n-1] = p
	} else {
		s.parts = append(s.parts, p)
	}
	if len(s.parts) >= maxParts {
		return s.pack()
	}
	return nil
}

// pack sends what was gathered.
func (s *sender) pack() error {
	if len(s.parts) == 0 {
		return nil
	}
	err := s.peer.conn.Send(&smd2.Bodies{Parts: s.parts})
	clear(s.parts)
	s.parts, s.used = s.parts[:0], 0
	if err != nil {
		return lost("send", err)
	}
	return nil
}

func (s *sender) flush() error {
	if err := s.pack(); err != nil {
		return err
	}
	s.release()
	if err := s.peer.conn.Flush(); err != nil {
		return lost("send", err)
	}
	return nil
}

// release gives the buffers back: between two runs nothing is sent.
func (s *sender) release() { s.buf, s.parts, s.hasher = nil, nil, nil }
