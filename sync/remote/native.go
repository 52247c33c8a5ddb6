package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	stdsync "sync"
	"time"

	"golang.org/x/crypto/ssh"

	"smd-applet/sync/fault"
)

// native reaches a host by golang.org/x/crypto/ssh, over one connection that
// stays open and is shared by all commands.
type native struct {
	alias   string
	log     *slog.Logger
	secrets *secrets

	mu     stdsync.Mutex
	client *connection

	opening stdsync.Mutex      // guards cancel; taken after mu
	cancel  context.CancelFunc // of the session being opened, nil without one
}

// connection is an open ssh connection and what must end with it.
type connection struct {
	*ssh.Client
	jumps []*ssh.Client
	ended chan struct{} // closed when the connection is gone
}

func (c *connection) close() {
	c.Client.Close()
	c.closeJumps()
	<-c.ended
}

func (c *connection) closeJumps() {
	for _, j := range slices.Backward(c.jumps) {
		j.Close()
	}
}

// How implements [Host].
func (h *native) How() string { return "native" }

// Close ends the connection.
func (h *native) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop()
}

// dropped ends the connection, or the making of one.
func (h *native) dropped() {
	h.opening.Lock()
	if h.cancel != nil {
		h.cancel()
	}
	h.opening.Unlock()
	h.Close()
}

func (h *native) drop() {
	if h.client != nil {
		h.client.close()
		h.client = nil
	}
}

// Start implements [Host].
func (h *native) Start(ctx context.Context, argv []string, stderr io.Writer) (Channel, error) {
	session, hangUp, err := h.session(ctx)
	if err != nil {
		return nil, err
	}
	c := &nativeChannel{alias: h.alias, session: session, hangUp: hangUp, stderr: &tail{copy: stderr}, done: make(chan struct{})}
	session.Stderr = c.stderr
	if c.stdin, err = session.StdinPipe(); err == nil {
		c.Reader, err = session.StdoutPipe()
	}
	if err == nil {
		started := context.AfterFunc(ctx, hangUp) // it waits for the server too
		err = session.Start(Quote(argv))
		started()
	}
	if err != nil {
		session.Close()
		return nil, fault.New(fault.Network, "start a command on", h.alias, err)
	}
	stop := context.AfterFunc(ctx, c.kill)
	go func() {
		defer close(c.done)
		c.err = session.Wait()
		stop()
	}()
	return c, nil
}

// session opens a session on the connection, on a new one if that is gone, unless
// [native.dropped] or the end of ctx ends that.
func (h *native) session(ctx context.Context) (s *ssh.Session, hangUp func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h.opens(cancel)
	defer h.opens(nil)
	if h.client != nil {
		if s, err := newSession(ctx, h.client); err == nil {
			return s, hangUpOf(h.client), nil
		}
		h.log.Info("the connection is gone: connecting again", "host", h.alias)
		h.drop()
	}
	if h.client, err = dial(ctx, h.alias, h.log, h.secrets); err != nil {
		return nil, nil, err
	}
	if s, err = newSession(ctx, h.client); err != nil {
		h.drop()
		return nil, nil, fault.New(fault.Network, "open a session on", h.alias, err)
	}
	return s, hangUpOf(h.client), nil
}

// newSession waits for the server's answer, which knows no context: the end of the
// connection ends it.
func newSession(ctx context.Context, c *connection) (*ssh.Session, error) {
	defer context.AfterFunc(ctx, hangUpOf(c))()
	return c.NewSession()
}

// opens notes what ends the opening of a session; nil when that is over.
func (h *native) opens(cancel context.CancelFunc) {
	h.opening.Lock()
	defer h.opening.Unlock()
	h.cancel = cancel
}

func hangUpOf(c *connection) func() { return func() { c.Client.Close() } }

const (
	dialTimeout       = 30 * time.Second
	keepaliveInterval = 30 * time.Second
	keepaliveMissed   = 3
)

// dial connects to a host, through its jump hosts, checks all their keys, and
// logs in.
func dial(ctx context.Context, alias string, log *slog.Logger, known *secrets) (*connection, error) {
	o, err := resolveOptions(ctx, alias)
	if err != nil {
		return nil, err
	}
	c := &connection{ended: make(chan struct{})}
	reach, err := c.jump(ctx, o, log, known)
	if err == nil {
		c.Client, err = login(ctx, alias, o, reach, log, known)
	}
	if err != nil {
		c.closeJumps()
		return nil, err
	}
	go keepAlive(c.Client, o.seconds("serveraliveinterval", keepaliveInterval), c.ended)
	return c, nil
}

// jump logs in to the jump hosts, one through the other, and returns the way
// beyond them. The connection has them to close even after an error.
func (c *connection) jump(ctx context.Context, o options, log *slog.Logger, known *secrets) (reach dialFunc, err error) {
	reach = (&net.Dialer{}).DialContext
	for jump := range strings.SplitSeq(o.get("proxyjump"), ",") {
		if jump == "" {
			continue
		}
		jo, err := resolveOptions(ctx, jumpAlias(jump))
		if err != nil {
			return nil, err
		}
		if port := jumpPort(jump); port != "" {
			jo["port"] = []string{port}
		}
		via, err := login(ctx, jump, jo, reach, log, known)
		if err != nil {
			return nil, err
		}
		c.jumps = append(c.jumps, via)
		reach = via.DialContext
	}
	return reach, nil
}

// jumpAlias and jumpPort take [user@]host[:port] apart.
func jumpAlias(jump string) string {
	if host, _, err := net.SplitHostPort(jump); err == nil {
		return host
	}
	return jump
}

func jumpPort(jump string) string {
	_, port, err := net.SplitHostPort(jump)
	if err != nil {
		return ""
	}
	return port
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// login makes the connection to one host. While a person looks for a passphrase
// the server may lose its patience: with the key open it is tried once more.
func login(ctx context.Context, alias string, o options, reach dialFunc, log *slog.Logger, known *secrets) (*ssh.Client, error) {
	client, opened, err := tryLogin(ctx, alias, o, reach, log, known)
	if err != nil && opened && ctx.Err() == nil {
		client, _, err = tryLogin(ctx, alias, o, reach, log, known)
	}
	return client, err
}

// tryLogin reports too whether a person has opened a key for it.
func tryLogin(ctx context.Context, alias string, o options, reach dialFunc, log *slog.Logger, known *secrets) (client *ssh.Client, opened bool, err error) {
	keys, err := newHostKeys(alias, o)
	if err != nil {
		return nil, false, err
	}
	limited, end := context.WithCancelCause(ctx)
	defer end(nil)
	timeout := o.seconds("connecttimeout", dialTimeout)
	limit := time.AfterFunc(timeout, func() { end(context.DeadlineExceeded) })
	defer limit.Stop()
	ring := &keyring{o: o, log: log, secrets: known}
	defer ring.close()
	if click := ClickOf(ctx); click != nil {
		ring.ask = func(file string, text []byte) (ssh.Signer, error) {
			limit.Stop() // it is for the server, not for a person
			defer limit.Reset(timeout)
			var signer ssh.Signer
			signer, ring.unopened = known.open(ctx, click, file, text)
			opened = ring.unopened == nil
			return signer, ring.unopened
		}
	}
	conn, err := reach(limited, "tcp", o.addr())
	if err != nil {
		return nil, false, fault.New(fault.Network, "connect", alias, err)
	}
	// The handshake knows no context: the end of the connection ends it.
	stop := context.AfterFunc(limited, func() { conn.Close() })
	defer stop()
	var refused error // the host key's own failure, which ssh wraps as text
	nc, channels, requests, err := ssh.NewClientConn(conn, o.addr(), &ssh.ClientConfig{
		User: o.get("user"),
		Auth: []ssh.AuthMethod{ssh.PublicKeysCallback(ring.signers)},
		HostKeyCallback: func(host string, remote net.Addr, key ssh.PublicKey) error {
			refused = keys.check(host, remote, key)
			return refused
		},
		HostKeyAlgorithms: keys.algorithms(),
	})
	if err != nil {
		conn.Close()
		return nil, opened, loginError(limited, alias, err, refused, ring)
	}
	return ssh.NewClient(nc, channels, requests), opened, nil
}

const (
	passphraseHint = "add the key to the ssh agent with ssh-add, or choose Sync now (smd-applet sync) and give its passphrase"
	logInHint      = "check that this logs in without a question: ssh %s"
)

func loginError(ctx context.Context, alias string, err, refused error, ring *keyring) error {
	switch {
	case refused != nil:
		return refused
	case ctx.Err() != nil:
		return fault.New(fault.Network, "connect", alias, context.Cause(ctx))
	case ring.unopened != nil:
		return &fault.Error{
			Kind: fault.Auth, Op: "log in", Path: alias, Err: fmt.Errorf("a key needs its passphrase: %w", ring.unopened),
			Hint: passphraseHint,
		}
	case strings.Contains(err.Error(), "unable to authenticate"):
		tried := "no key was found to offer"
		if len(ring.tried) > 0 {
			tried = "tried " + strings.Join(ring.tried, ", ")
		}
		hint, args := logInHint, []any{alias}
		if ring.closed {
			hint, args = passphraseHint, nil
		}
		return &fault.Error{
			Kind: fault.Auth, Op: "log in", Path: alias, Err: fmt.Errorf("the server refused every key: %s", tried),
			Hint: hint, HintArgs: args,
		}
	}
	return fault.New(fault.Network, "connect", alias, err)
}

// keepAlive asks the server for a sign of life until the connection ends, and
// ends it where none comes.
func keepAlive(c *ssh.Client, every time.Duration, ended chan<- struct{}) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = c.Wait()
	}()
	defer close(ended)
	tick := time.NewTicker(every)
	defer tick.Stop()
	answers := make(chan error, keepaliveMissed+1)
	waiting := 0
	for {
		select {
		case <-gone:
			return
		case err := <-answers:
			if waiting--; err != nil {
				c.Close()
			}
		case <-tick.C:
			if waiting >= keepaliveMissed {
				c.Close()
				<-gone
				return
			}
			waiting++
			go func() {
				_, _, err := c.SendRequest("keepalive@openssh.com", true, nil)
				answers <- err
			}()
		}
	}
}

// nativeChannel is a command in a session of its own.
type nativeChannel struct {
	io.Reader
	alias   string
	session *ssh.Session
	stdin   io.WriteCloser
	stderr  *tail
	hangUp  func() // ends the connection
	done    chan struct{}
	err     error
}

func (c *nativeChannel) Write(b []byte) (int, error) { return c.stdin.Write(b) }

// CloseWrite implements [Channel].
func (c *nativeChannel) CloseWrite() error { return c.stdin.Close() }

// Wait implements [Channel]: what is left unread is thrown away.
func (c *nativeChannel) Wait() error {
	_, _ = io.Copy(io.Discard, c.Reader)
	<-c.done
	var exit *ssh.ExitError
	switch {
	case c.err == nil:
		return nil
	case errors.As(c.err, &exit):
		status := exit.ExitStatus()
		if exit.Signal() != "" {
			status = -1
		}
		return &ExitError{Status: status, Stderr: c.stderr.String()}
	}
	return fault.New(fault.Network, "run a command on", c.alias, c.err)
}

// kill ends the command. A server that does not end it for a closed session
// ends it for a closed connection, which is then made anew.
func (c *nativeChannel) kill() {
	_ = c.session.Signal(ssh.SIGTERM)
	_ = c.session.Close()
	select {
	case <-c.done:
	case <-time.After(grace):
		c.hangUp()
	}
}

// Close implements [Channel].
func (c *nativeChannel) Close() error {
	_ = c.CloseWrite()
	waited := make(chan error, 1)
	go func() { waited <- c.Wait() }()
	select {
	case err := <-waited:
		return err
	case <-time.After(grace):
	}
	c.kill()
	return <-waited
}
