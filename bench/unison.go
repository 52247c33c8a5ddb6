//go:build linux

package main

import "os"

// unison keeps two trees the same, both ways.
type unison struct{}

func (unison) name() string    { return "unison" }
func (unison) missing() string { return lacks("unison") }
func (unison) version() string { return said("unison", "-version") }

func (unison) serve(p *pair) error {
	_, err := p.atServer("unison")
	return err
}

func (unison) setUp(p *pair) error { return os.MkdirAll(p.here.Root, 0o700) }

func (unison) command(p *pair, _ task) []string {
	return durable("unison", "-ui", "text", "-batch", "-silent", "-times", "-confirmbigdel=false", "-log=false",
		"-sshargs", "-F "+p.sshConfig(), "-servercmd", p.server+"/run-unison",
		p.here.Root, "ssh://"+p.host+"/"+p.there.Root)
}
