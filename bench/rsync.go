//go:build linux

package main

import "os"

// rsync makes the client's tree like the server's. It has no memory of what was
// there, so that it goes one way only.
type rsync struct{}

func (rsync) name() string    { return "rsync" }
func (rsync) missing() string { return lacks("rsync") }
func (rsync) version() string { return said("rsync", "--version") }

func (rsync) serve(p *pair) error {
	_, err := p.atServer("rsync")
	return err
}

func (rsync) setUp(p *pair) error { return os.MkdirAll(p.here.Root, 0o700) }

func (rsync) command(p *pair, do task) []string {
	if do == both {
		return nil
	}
	return durable("rsync", "-a", "--delete", "-e", p.ssh(), "--rsync-path", p.server+"/run-rsync", p.host+":Mail/", p.here.Root+"/")
}
