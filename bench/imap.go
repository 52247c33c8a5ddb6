//go:build linux

package main

import (
	"fmt"
	"path/filepath"

	"smd-applet/sync/synctest"
)

// imap is the server's program; it lies beside the path.
const imap = synctest.DovecotIMAP

// serveIMAP makes a Dovecot serve the mailbox, through ssh, by the script imap names.
func (p *pair) serveIMAP() error {
	return p.try(func() {
		server := synctest.NewIMAP(p, p.server, "Mail")
		p.owned = func() error { return p.try(func() { server.Owned(p, "nobody") }) }
		err := writeScript(p.imap(), fmt.Sprintf("exec '%s' %s '%s' '%s'", p.self, throughPipes, p.noteThere, server.Script))
		if err != nil {
			p.Fatalf("%v", err)
		}
	})
}

func (p *pair) imap() string { return filepath.Join(p.server, "run-imap") }
