//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// muchsync keeps notmuch's messages and tags the same, both ways. Indexing is part
// of what it does.
type muchsync struct{}

func (muchsync) name() string    { return "muchsync" }
func (muchsync) missing() string { return lacks("muchsync", "notmuch") }
func (muchsync) version() string {
	return said("muchsync", "--version") + ", " + said("notmuch", "--version")
}

func (muchsync) serve(p *pair) error {
	// notmuch keeps no directory's time of the second in which it looks, and muchsync
	// looks at those alone whose time is another: what changed in that second it would
	// see a run later, and then as a change at both ends.
	p.later = func() error { return p.pause(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) }
	text := fmt.Sprintf("[database]\npath=%s\n[user]\nname=me\nprimary_email=me@mail.example\n[new]\ntags=\n[maildir]\nsynchronize_flags=true\n", p.there.Root)
	if err := os.WriteFile(filepath.Join(p.server, ".notmuch-config"), []byte(text), 0o600); err != nil {
		return err
	}
	index := exec.CommandContext(p.ctx, "notmuch", "new", "--quiet")
	index.Env = append(os.Environ(), "HOME="+p.server)
	if out, err := index.CombinedOutput(); err != nil {
		return fmt.Errorf("notmuch new: %w: %s", err, out)
	}
	_, err := p.atServer("muchsync")
	return err
}

func (muchsync) setUp(*pair) error { return nil }

func (muchsync) command(p *pair, do task) []string {
	argv := []string{"muchsync"}
	if do == first {
		argv = append(argv, "--init", p.here.Root)
	}
	return durable(append(argv, "-s", p.ssh(), "-r", p.server+"/run-muchsync", p.host)...)
}
