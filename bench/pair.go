//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"smd-applet/sync/synctest"
)

// The ssh names of a server.
const (
	direct  = "mailhost" // nothing between
	counted = "mailfar"  // through a proxy that counts, and delays
)

// pair is a server and a client with a mailbox each, and the line between them.
// There is one for each peer: no peer meets what another did.
type pair struct {
	*stage
	server, client string // their homes
	there, here    *synctest.Mailbox
	post           *synctest.Mailbox // where messages are written that get another owner
	sshd           *synctest.SSHD
	line           *synctest.Proxy
	host           string // the ssh name in use
	noteHere       string // the directories of the witnesses
	noteThere      string
	account        account

	later func() error               // waits until a run would notice what changed just now; may be nil
	owned func() error               // gives the server's mail to whom the peer needs, after a change; may be nil
	local func(folder string) string // a folder's name in the client's tree; nil when it is the same
}

// newPair makes a server with a copy of a mailbox, and no client yet.
func (s *stage) newPair(seed string) (p *pair, err error) {
	p = &pair{stage: s, host: counted}
	err = s.try(func() {
		dir := s.TempDir()
		p.server, p.noteHere, p.noteThere = filepath.Join(dir, "server"), filepath.Join(dir, "note-here"), filepath.Join(dir, "note-there")
		for _, d := range []string{p.server, p.noteHere, p.noteThere} {
			if err := os.Mkdir(d, 0o700); err != nil {
				s.Fatalf("%v", err)
			}
		}
		p.there = synctest.OpenMailbox(filepath.Join(p.server, "Mail"), "server")
		p.post = synctest.OpenMailbox(filepath.Join(p.server, "post"), "server")
		if out, err := exec.CommandContext(s.ctx, "cp", "-a", seed, p.there.Root).CombinedOutput(); err != nil {
			s.Fatalf("copy the mailbox: %v: %s", err, out)
		}
		p.sshd = synctest.StartSSHD(s, synctest.SSHDOptions{ServerHome: p.server})
		p.line = synctest.StartProxy(s, p.sshd.Addr)
	})
	if err != nil {
		return nil, err
	}
	p.account, err = openAccount(p.there.Root)
	return p, err
}

// newClient makes an empty client, which stays until the end: ext4 is slow to take
// inodes that were freed a moment ago.
func (p *pair) newClient(of peer) error {
	err := p.try(func() {
		p.client = p.TempDir()
		p.sshd.WriteClientHome(p, p.client, direct)
		p.sshd.WriteClientHomeVia(p, p.client, counted, p.line.Addr)
	})
	if err != nil {
		return err
	}
	p.here = synctest.OpenMailbox(filepath.Join(p.client, "Mail"), "laptop")
	return of.setUp(p)
}

func (p *pair) env() []string {
	// The machine's network is nothing to it, nor is its desktop.
	return append(os.Environ(), "HOME="+p.client, "DBUS_SYSTEM_BUS_ADDRESS=disabled:", "DBUS_SESSION_BUS_ADDRESS=disabled:")
}

// inFolder is a folder's name in the client's tree.
func (p *pair) inFolder(name string) string {
	if p.local == nil {
		return name
	}
	return p.local(name)
}

// bring has a peer do its task, and measures it.
func (p *pair) bring(of peer, do task) (measured, error) { return p.measure(of.command(p, do)...) }

// measured is what a run needed.
type measured struct {
	wall        time.Duration
	here, there use
	wire        int64 // bytes, both ways; of lines with a proxy
	turns       int64 // round trips; likewise
}

// measure runs a program at the client and waits for what it started at the server.
func (p *pair) measure(argv ...string) (m measured, err error) {
	if p.owned != nil {
		if err := p.owned(); err != nil {
			return m, err
		}
	}
	if p.later != nil {
		if err := p.later(); err != nil {
			return m, err
		}
	}
	syscall.Sync() // what others wrote is not this one's work
	wire, turns := p.line.BytesUp()+p.line.BytesDown(), p.line.Turns()
	ctx, stop := context.WithTimeout(p.ctx, p.limit)
	defer stop()
	cmd := command(ctx, p.self, append([]string{asWitness, p.noteHere}, argv...)...)
	cmd.Env = p.env()
	cmd.Dir = p.client
	began := time.Now()
	out, err := cmd.CombinedOutput()
	m.wall = time.Since(began)
	if err == nil {
		m.here, err = ended(ctx, p.noteHere)
	}
	if err == nil {
		m.there, err = ended(ctx, p.noteThere)
	}
	m.wire, m.turns = p.line.BytesUp()+p.line.BytesDown()-wire, p.line.Turns()-turns
	switch {
	case err == nil:
		return m, nil
	case p.ctx.Err() != nil:
		return m, p.ctx.Err()
	case ctx.Err() != nil:
		err = fmt.Errorf("not done after %s", p.limit)
	default:
		p.Logf("%s: %s", argv, out)
		err = fmt.Errorf("%w: %s", err, lastLine(out))
	}
	return m, errors.Join(err, p.stopRemote())
}

// stopRemote ends what a command that was given up left at the server.
func (p *pair) stopRemote() error {
	err := p.sshd.KillCommands()
	p.sshd.DropConnections()
	for _, dir := range []string{p.noteHere, p.noteThere} {
		err = errors.Join(err, os.RemoveAll(dir), os.Mkdir(dir, 0o700))
	}
	return err
}

// command is a program with all it starts in a group of its own, which ends with
// the context.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}

// lastLine is what a program said at its end.
func lastLine(out []byte) string {
	text := strings.TrimSpace(string(out))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

func writeScript(file, line string) error {
	return os.WriteFile(file, []byte("#!/bin/sh\n"+line+"\n"), 0o755)
}
