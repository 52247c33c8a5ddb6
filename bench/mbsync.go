//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// mbsync speaks IMAP to a Dovecot at the server, through ssh.
type mbsync struct{}

func (mbsync) name() string    { return "mbsync" }
func (mbsync) missing() string { return lacks("mbsync", imap) }
func (mbsync) version() string {
	return said("mbsync", "--version") + ", Dovecot " + said("dovecot", "--version")
}
func (mbsync) serve(p *pair) error { return p.serveIMAP() }

func (mbsync) setUp(p *pair) error {
	text := fmt.Sprintf(`IMAPAccount server
Tunnel "%s %s %s"

IMAPStore far
Account server

MaildirStore near
Inbox %s
SubFolders Maildir++

Channel all
Far :far:
Near :near:
Patterns *
Create Near
Expunge Both
SyncState *
`, p.ssh(), p.host, p.imap(), p.here.Root)
	return os.WriteFile(filepath.Join(p.client, ".mbsyncrc"), []byte(text), 0o600)
}

func (mbsync) command(*pair, task) []string { return []string{"mbsync", "-q", "-a"} }
