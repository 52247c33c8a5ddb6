package demo

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	stdsync "sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// server is an ssh server that runs commands in a home of its own, for one key.
type server struct {
	home     string
	path     string // $PATH of the commands
	config   *ssh.ServerConfig
	hostKey  ssh.PublicKey
	listener net.Listener
	cut      atomic.Bool

	mu    stdsync.Mutex
	links map[net.Conn]struct{}
	group stdsync.WaitGroup
}

// startServer starts a server on a free port of 127.0.0.1.
func startServer(home, path string, user ssh.PublicKey) (*server, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("make the server's key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, fmt.Errorf("make the server's key: %w", err)
	}
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !bytes.Equal(key.Marshal(), user.Marshal()) {
				return nil, errors.New("not the demo's key")
			}
			return &ssh.Permissions{}, nil
		},
	}
	config.AddHostKey(signer)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	s := &server{home: home, path: path, config: config, hostKey: signer.PublicKey(), listener: l, links: make(map[net.Conn]struct{})}
	s.group.Go(s.accept)
	return s, nil
}

// cutLink ends every connection and refuses new ones until mendLink.
func (s *server) cutLink() {
	s.cut.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.links {
		conn.Close()
	}
}

func (s *server) mendLink() { s.cut.Store(false) }

// close ends the server with all that it runs.
func (s *server) close() {
	s.listener.Close()
	s.cutLink()
	s.group.Wait()
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.mu.Lock()
		if s.cut.Load() {
			conn.Close()
		} else {
			s.links[conn] = struct{}{}
			s.group.Go(func() { s.serve(conn) })
		}
		s.mu.Unlock()
	}
}

func (s *server) serve(conn net.Conn) {
	defer func() {
		conn.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.links, conn)
	}()
	_, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return // the client says what was wrong
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go ssh.DiscardRequests(requests) // ends with the connection
	for c := range channels {
		if c.ChannelType() != "session" {
			_ = c.Reject(ssh.UnknownChannelType, "only commands are run here")
			continue
		}
		channel, asked, err := c.Accept()
		if err != nil {
			return
		}
		s.group.Go(func() { s.session(ctx, channel, asked) })
	}
}

// session runs the one command of a session (RFC 4254 §6.5) and tells its
// status (§6.10).
func (s *server) session(ctx context.Context, channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	for r := range requests {
		var command struct{ Line string }
		if r.Type != "exec" || ssh.Unmarshal(r.Payload, &command) != nil {
			_ = r.Reply(false, nil)
			continue
		}
		_ = r.Reply(true, nil)
		ctx, cancel := context.WithCancel(ctx)
		go func() { // the client that closes its session ends the command
			defer cancel()
			for r := range requests {
				_ = r.Reply(false, nil)
			}
		}()
		status := s.run(ctx, channel, command.Line)
		cancel()
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
		return
	}
}

func (s *server) run(ctx context.Context, channel ssh.Channel, line string) (status uint32) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", "exec "+line)
	cmd.Dir = s.home
	cmd.Env = append(os.Environ(), "HOME="+s.home, "PATH="+s.path)
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	// Not cmd.Stdin: Wait would wait for the client to say more.
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(channel.Stderr(), err)
		return 127
	}
	go func() {
		_, _ = copyAndClose(stdin, channel) // ends with the command or the channel
	}()
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return uint32(exit.ExitCode())
	}
	return 255
}

// copyAndClose copies until the source's end, and passes that on.
func copyAndClose(to io.WriteCloser, from io.Reader) (int64, error) {
	n, err := io.Copy(to, from)
	return n, errors.Join(err, to.Close())
}
