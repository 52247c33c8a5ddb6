//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// smd is this program, or another build of it, in one of its dialects.
type smd struct {
	called   string
	program  string // the path of smd-applet
	protocol string
}

func (s *smd) name() string    { return s.called }
func (s *smd) missing() string { return "" }
func (s *smd) version() string { return said("git", "describe", "--tags", "--always", "--dirty") }

// resident is whether it stays connected.
func (s *smd) resident() bool { return s.protocol == "2" }

func (s *smd) serve(p *pair) error {
	_, err := p.atServer(s.program)
	return err
}

func (s *smd) setUp(p *pair) error {
	dir := filepath.Join(p.client, ".smd")
	text := strings.Join([]string{
		"SERVERNAME=" + p.host,
		"CLIENTNAME=" + filepath.Base(p.client), // the same for good: it names the agreed state
		"MAILBOX=Mail",
		"PROTOCOL=" + s.protocol,
		"REMOTE_PROGRAM=" + filepath.Join(p.server, "run-smd-applet"),
	}, "\n") + "\n"
	return errors.Join(
		os.MkdirAll(dir, 0o700),
		os.WriteFile(filepath.Join(dir, "config.default"), []byte(text), 0o600),
		os.WriteFile(filepath.Join(dir, "loop"), []byte("60 60 default\n"), 0o600),
	)
}

func (s *smd) command(_ *pair, do task) []string {
	if do == both {
		return []string{"sh", "-c", `"$0" pull && "$0" push`, s.program}
	}
	return []string{s.program, "pull"}
}
