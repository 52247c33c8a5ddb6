//go:build linux

package main

import (
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

// stage is a server with a mailbox, behind an sshd, and the lines to it.
type stage struct {
	options
	kit
	report *report

	self, bin string // this program, and the directory of the one measured
	server    string // the server's home
	sshd      *synctest.SSHD
	near, far *synctest.Proxy // lines without latency, and with it
	there     *synctest.Mailbox
	subjects  []subject
	homes     map[string]*home // by subject
	noteHere  string           // the directories of the witnesses
	noteThere string
}

// subject is what is measured.
type subject struct {
	name     string
	program  string // the path of smd-applet
	protocol string
}

func (s subject) resident() bool { return s.protocol == "2" }

func setUp(o options) (*stage, error) {
	top, err := os.MkdirTemp(o.dir, "smd-bench-")
	if err != nil {
		return nil, err
	}
	s := &stage{
		options: o, kit: kit{top: top}, homes: make(map[string]*home), report: &report{},
		server: filepath.Join(top, "server"), noteHere: filepath.Join(top, "here"), noteThere: filepath.Join(top, "there"),
	}
	if err := s.try(s.prepare); err != nil {
		return nil, s.end(err)
	}
	return s, nil
}

// end takes the stage down. It takes up and returns the run's error.
func (s *stage) end(err error) error {
	s.clean()
	return errors.Join(append([]error{err, os.RemoveAll(s.top)}, s.errs...)...)
}

func (s *stage) prepare() {
	var err error
	if s.self, err = os.Executable(); err != nil {
		s.Fatalf("%v", err)
	}
	for _, dir := range []string{s.server, s.noteHere, s.noteThere} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			s.Fatalf("%v", err)
		}
	}
	s.bin = synctest.BuildBinary(s)
	s.subjects = []subject{{"smd/2", filepath.Join(s.bin, "smd-applet"), "2"}}
	if s.against != "" {
		other, err := filepath.Abs(s.against)
		if err != nil {
			s.Fatalf("%v", err)
		}
		s.subjects = append(s.subjects, subject{"smd/2 of the other build", other, "2"})
	}
	s.subjects = append(s.subjects, subject{"smd 1.3", filepath.Join(s.bin, "smd-applet"), "1.3"})

	s.sshd = synctest.StartSSHD(s, synctest.SSHDOptions{ServerHome: s.server})
	s.near, s.far = synctest.StartProxy(s, s.sshd.Addr), synctest.StartProxy(s, s.sshd.Addr)
	s.far.SetLatency(s.roundTrip / 2)
	s.there = synctest.OpenMailbox(filepath.Join(s.server, "Mail"), "server")
	began := time.Now()
	_, err = synctest.Generate(s.there.Root, synctest.Options{Seed: 1, Messages: s.messages, Folders: s.folders, Tiny: s.tiny})
	if err != nil {
		s.Fatalf("%v", err)
	}
	s.Logf("%d messages made in %s", s.messages, time.Since(began).Round(time.Second/10))
}

// The ssh names of the server.
const (
	direct = "mailhost" // nothing between
	near   = "mailnear" // through a proxy that counts
	far    = "mailfar"  // through a proxy that delays, too
)

// home is the home of a client.
type home struct {
	*stage
	subject
	dir  string
	here *synctest.Mailbox
}

// newHome makes a client that reaches the server under the ssh name.
func (s *stage) newHome(of subject, server string) (*home, error) {
	h := &home{stage: s, subject: of}
	err := s.try(func() {
		h.dir = s.TempDir()
		s.sshd.WriteClientHome(s, h.dir, direct)
		s.sshd.WriteClientHomeVia(s, h.dir, near, s.near.Addr)
		s.sshd.WriteClientHomeVia(s, h.dir, far, s.far.Addr)
	})
	if err != nil {
		return nil, err
	}
	h.here = synctest.OpenMailbox(filepath.Join(h.dir, "Mail"), "laptop")
	smd := filepath.Join(h.dir, ".smd")
	remote := filepath.Join(h.dir, "remote-smd-applet")
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' %s '%s' '%s' \"$@\"\n", s.self, asWitness, s.noteThere, of.program)
	return h, errors.Join(
		os.Mkdir(smd, 0o700),
		os.WriteFile(remote, []byte(script), 0o700),
		os.WriteFile(filepath.Join(smd, "loop"), []byte("60 60 default\n"), 0o600),
		h.reach(server),
	)
}

// reach writes the configuration for another way to the server.
func (h *home) reach(server string) error {
	text := strings.Join([]string{
		"SERVERNAME=" + server,
		"CLIENTNAME=" + filepath.Base(h.dir), // the same for good: it names the agreed state
		"MAILBOX=Mail",
		"PROTOCOL=" + h.protocol,
		"REMOTE_PROGRAM=" + filepath.Join(h.dir, "remote-smd-applet"),
	}, "\n") + "\n"
	return os.WriteFile(filepath.Join(h.dir, ".smd", "config.default"), []byte(text), 0o600)
}

func (h *home) env() []string {
	// The machine's network is nothing to it, nor is its desktop.
	return append(os.Environ(), "HOME="+h.dir, "DBUS_SYSTEM_BUS_ADDRESS=disabled:", "DBUS_SESSION_BUS_ADDRESS=disabled:")
}

// measured is what a run needed.
type measured struct {
	wall        time.Duration
	here, there use
	wire        int64 // bytes, both ways; of lines with a proxy
	turns       int64 // round trips; likewise
}

// measure runs a program and waits for what it started at the server.
func (s *stage) measure(env []string, line *synctest.Proxy, argv ...string) (measured, error) {
	syscall.Sync() // what others wrote is not this one's work
	var m measured
	var wire, turns int64
	if line != nil {
		wire, turns = line.BytesUp()+line.BytesDown(), line.Turns()
	}
	cmd := exec.Command(s.self, append([]string{asWitness, s.noteHere}, argv...)...)
	cmd.Env = env
	began := time.Now()
	out, err := cmd.CombinedOutput()
	m.wall = time.Since(began)
	if err != nil {
		return m, fmt.Errorf("%s: %w: %s", argv[0], err, out)
	}
	if m.here, err = ended(s.noteHere); err != nil {
		return m, err
	}
	if m.there, err = ended(s.noteThere); err != nil {
		return m, err
	}
	if line != nil {
		m.wire, m.turns = line.BytesUp()+line.BytesDown()-wire, line.Turns()-turns
	}
	return m, nil
}

// proxy is the line an ssh name leads over.
func (s *stage) proxy(server string) *synctest.Proxy {
	switch server {
	case near:
		return s.near
	case far:
		return s.far
	}
	return nil
}

// same compares the contents of both ends.
func (s *stage) same(here *synctest.Mailbox) error {
	a, err := synctest.TakeCensus(s.there.Root)
	if err != nil {
		return err
	}
	b, err := synctest.TakeCensus(here.Root)
	if err != nil {
		return err
	}
	if d := synctest.DiffNames(a, b); d != "" {
		return fmt.Errorf("server and %s differ:\n%s", here.Root, d)
	}
	return nil
}

// homeOf is the subject's client, in step with the server.
func (s *stage) homeOf(of subject) (*home, error) {
	h := s.homes[of.name]
	if h == nil {
		var err error
		if h, err = s.newHome(of, near); err != nil {
			return nil, err
		}
		s.homes[of.name] = h
	}
	if err := h.reach(near); err != nil {
		return nil, err
	}
	_, err := h.bring("pull", nil)
	return h, err
}
