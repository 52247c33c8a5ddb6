package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	stdsync "sync"
	"time"

	"smd-applet/sync"
	"smd-applet/sync/fault"
)

const (
	maxClients  = 64                     // at the same time
	requestTime = 5 * time.Second        // for a client to say what it wants
	answerTime  = 10 * time.Second       // for a client to take a line
	followEvery = 200 * time.Millisecond // the least time between two lines of a follow
	acceptPause = time.Second            // after a failure to accept
)

// Options of [Serve].
type Options struct {
	// Home is whose applet this is. The caller holds [lock.Loop] for it.
	Home string
	// Raise is called when the program is started a second time, and returns
	// soon; nil syncs all endpoints.
	Raise func()
	// Quit ends the program, and returns soon.
	Quit   func()
	Logger *slog.Logger
}

// Serve obeys clients until ctx ends; then it hangs up on all of them, waits for
// what they asked for, and returns nil. An error says that there is no socket.
func Serve(ctx context.Context, e *sync.Engine, o Options) error {
	l, err := listen(o.Home)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &server{engine: e, options: o, slots: make(chan struct{}, maxClients)}
	defer s.clients.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() }) // which removes the socket
	defer stop()
	for {
		conn, err := l.AcceptUnix()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("wait for clients: %w", err)
		case err != nil: // too many open files
			o.Logger.Warn("a client of the control socket is not taken", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(acceptPause):
			}
			continue
		}
		select {
		case s.slots <- struct{}{}:
			s.clients.Go(func() {
				defer func() { <-s.slots }()
				s.serve(ctx, conn)
			})
		default:
			conn.Close()
		}
	}
}

type server struct {
	engine  *sync.Engine
	options Options
	slots   chan struct{}
	clients stdsync.WaitGroup
}

// serve answers one client.
func (s *server) serve(ctx context.Context, conn *net.UnixConn) {
	ctx, hungUp := context.WithCancel(ctx)
	defer hungUp()
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := admit(conn); err != nil {
		s.options.Logger.Warn("a client of the control socket is turned away", "err", err)
		return
	}
	if err := conn.SetReadDeadline(time.Now().Add(requestTime)); err != nil {
		return
	}
	in := bufio.NewReaderSize(conn, maxRequest)
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err = fault.New(fault.Protocol, "read the request", "", fmt.Errorf("it has more than %d bytes", maxRequest))
	}
	var r Request
	if err == nil {
		r, err = parseRequest(line)
	}
	if err != nil {
		_ = send(conn, Reply{Failed: failuresOf(err)}) // it may be gone
		return
	}
	if conn.SetReadDeadline(time.Time{}) != nil {
		return
	}
	// A client has no more to say: whatever comes next is its going.
	s.clients.Go(func() {
		_, _ = in.ReadByte()
		hungUp()
	})
	if r.Do == Follow {
		s.follow(ctx, conn)
		return
	}
	reply := Reply{Failed: failuresOf(s.obey(ctx, r))}
	reply.Status = statusOf(s.engine.State())
	if send(conn, reply) == nil && r.Do == Quit {
		s.options.Quit() // the answer is on its way
	}
}

// obey does what r asks for, but for quitting.
func (s *server) obey(ctx context.Context, r Request) error {
	if r.Do == Sync && r.Wait {
		return s.engine.Sync(ctx, r.Endpoint)
	}
	if r.Endpoint != "" && !slices.ContainsFunc(s.engine.State().Endpoints, func(ep sync.EndpointState) bool { return ep.Name == r.Endpoint }) {
		return &fault.Error{
			Kind: fault.Config, Op: string(r.Do), Path: r.Endpoint, Err: errors.New("no such endpoint is running"),
			Hint: "name one that the loop file lists",
		}
	}
	switch r.Do {
	case Sync:
		s.engine.SyncNow(r.Endpoint)
	case Pause:
		if r.Seconds > 0 {
			s.engine.PauseUntil(r.Endpoint, time.Now().Add(time.Duration(r.Seconds)*time.Second))
			break
		}
		s.engine.Pause(r.Endpoint)
	case Resume:
		s.engine.Resume(r.Endpoint)
	case Confirm:
		return s.engine.Confirm(r.Endpoint)
	case Restore:
		return s.engine.Restore(r.Endpoint)
	case Reload:
		s.engine.Reload()
	case Raise:
		if s.options.Raise == nil {
			s.engine.SyncNow("")
			break
		}
		s.options.Raise()
	}
	return nil
}

// follow sends the state until the client goes or is too slow to read it.
func (s *server) follow(ctx context.Context, conn net.Conn) {
	changes := s.engine.Subscribe()
	defer changes.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changes.Changed():
		}
		if send(conn, Reply{Status: statusOf(s.engine.State())}) != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(followEvery):
		}
	}
}

// send writes a line, and gives up on a client that does not read it.
func send(conn net.Conn, r Reply) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := conn.SetWriteDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	_, err = conn.Write(append(line, '\n'))
	return err
}

// failuresOf takes joined errors apart.
func failuresOf(err error) []Failure {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []Failure
		for _, e := range joined.Unwrap() {
			all = append(all, failuresOf(e)...)
		}
		return all
	}
	return []Failure{*failureOf(fault.As(err))}
}
