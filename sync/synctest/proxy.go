package synctest

import (
	"errors"
	"io"
	"net"
	stdsync "sync"
	"sync/atomic"
	"time"
)

// Proxy is a TCP link to a server that can be cut, stalled and made slow.
type Proxy struct {
	Addr string // what to connect to, host:port

	target   string
	listener *net.TCPListener
	latency  atomic.Int64 // nanoseconds each way
	up, down atomic.Int64
	turns    atomic.Int64
	asking   atomic.Bool  // the last bytes went to the server
	budget   atomic.Int64 // bytes until the link is cut; negative: no limit

	mu    stdsync.Mutex
	cut   bool
	gate  chan struct{} // closed while bytes may pass
	conns map[net.Conn]struct{}
	group stdsync.WaitGroup
}

// StartProxy starts a link to target (host:port) that ends with the test.
func StartProxy(t TB, target string) *Proxy {
	t.Helper()
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatalf("start proxy: %v", err)
	}
	p := &Proxy{
		Addr: listener.Addr().String(), target: target, listener: listener,
		gate: make(chan struct{}), conns: make(map[net.Conn]struct{}),
	}
	close(p.gate)
	p.budget.Store(-1)
	p.group.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close() // the goroutine ends on it
		p.Cut()
		p.group.Wait()
	})
	return p
}

// Cut resets every connection and refuses new ones until [Proxy.Restore]. It
// ends a stall: what was held up is lost.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	p.openGate()
	for conn := range p.conns {
		reset(conn)
	}
}

// CutAfter cuts the link once n more bytes have passed, both ways together.
func (p *Proxy) CutAfter(n int64) { p.budget.Store(n) }

// Stall lets no byte pass until [Proxy.Restore], with all connections open: a
// network that went away without a word.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gate:
		p.gate = make(chan struct{})
	default: // stalled already
	}
}

// Restore ends Cut, CutAfter and Stall. Stalled bytes arrive.
func (p *Proxy) Restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = false
	p.budget.Store(-1)
	p.openGate()
}

// openGate lets bytes pass; the caller holds mu.
func (p *Proxy) openGate() {
	select {
	case <-p.gate: // open already
	default:
		close(p.gate)
	}
}

// SetLatency delays every byte by d in each direction from now on; the
// bandwidth stays.
func (p *Proxy) SetLatency(d time.Duration) { p.latency.Store(int64(d)) }

// BytesUp is the number of bytes that went to the server.
func (p *Proxy) BytesUp() int64 { return p.up.Load() }

// BytesDown is the number of bytes that came from the server.
func (p *Proxy) BytesDown() int64 { return p.down.Load() }

// Turns is how often bytes came from the server after bytes had gone to it: the
// round trips, where one connection is used and neither end speaks unasked.
func (p *Proxy) Turns() int64 { return p.turns.Load() }

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.AcceptTCP()
		if err != nil {
			return // closed by the cleanup
		}
		p.group.Go(func() { p.link(conn) })
	}
}

// link carries one connection until either end, or the proxy, ends it.
func (p *Proxy) link(client net.Conn) {
	if !p.register(client) {
		return
	}
	defer p.unregister(client)
	server, err := net.Dial("tcp4", p.target)
	if err != nil {
		reset(client)
		return
	}
	if !p.register(server) {
		return
	}
	defer p.unregister(server)

	var both stdsync.WaitGroup
	both.Go(func() { p.carry(server, client, &p.up) })
	both.Go(func() { p.carry(client, server, &p.down) })
	both.Wait()
}

// register makes conn known to Cut; while the link is cut it resets conn and
// returns false.
func (p *Proxy) register(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		reset(conn)
		return false
	}
	p.conns[conn] = struct{}{}
	return true
}

func (p *Proxy) unregister(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
	_ = conn.Close() // it is over either way
}

// packet is bytes on their way.
type packet struct {
	due  time.Time
	data []byte
}

// inFlight bounds the packets on their way, so that a fast sender is slowed
// down and memory is bounded.
const inFlight = 256

// carry moves bytes from src to dst, each packet when it is due, until src ends
// or either of them breaks; then it passes the end on.
func (p *Proxy) carry(dst, src net.Conn, count *atomic.Int64) {
	packets := make(chan packet, inFlight)
	broken := make(chan struct{})
	var reader stdsync.WaitGroup
	reader.Go(func() {
		defer close(packets)
		for {
			buf := make([]byte, 16<<10)
			n, err := src.Read(buf)
			if n > 0 {
				due := time.Now().Add(time.Duration(p.latency.Load()))
				select {
				case packets <- packet{due: due, data: buf[:n]}:
				case <-broken:
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					reset(dst)
				}
				return
			}
		}
	})
	defer reader.Wait()

	for pkt := range packets {
		if !p.deliver(dst, pkt, count) {
			close(broken)
			reset(src)
			return
		}
	}
	if half, ok := dst.(*net.TCPConn); ok {
		_ = half.CloseWrite() // dst may be gone already
	}
}

// deliver waits until pkt is due and the gate open, and writes it.
func (p *Proxy) deliver(dst net.Conn, pkt packet, count *atomic.Int64) bool {
	if wait := time.Until(pkt.due); wait > 0 {
		<-time.After(wait)
	}
	if !p.pass() {
		return false
	}
	data, cutNow := p.spend(pkt.data)
	count.Add(int64(len(data))) // before the other end can act on them
	if up := count == &p.up; p.asking.Swap(up) && !up {
		p.turns.Add(1)
	}
	_, err := dst.Write(data)
	if cutNow {
		p.Cut()
	}
	return err == nil && !cutNow
}

// pass waits until bytes may pass and reports whether the link still holds.
func (p *Proxy) pass() bool {
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	<-gate
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.cut
}

// spend takes data from the budget of CutAfter and returns the part that may
// still pass.
func (p *Proxy) spend(data []byte) (pass []byte, cutNow bool) {
	for {
		budget := p.budget.Load()
		if budget < 0 {
			return data, false
		}
		n := min(budget, int64(len(data)))
		if p.budget.CompareAndSwap(budget, budget-n) {
			return data[:n], n == budget
		}
	}
}

// reset ends a connection as a broken network does, with no orderly goodbye.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a failure only makes the end more polite
	}
	_ = conn.Close() // that is the point
}
