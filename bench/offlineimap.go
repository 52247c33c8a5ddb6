//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// offlineimap speaks IMAP to a Dovecot at the server, through ssh.
type offlineimap struct{}

func (offlineimap) name() string        { return "OfflineIMAP" }
func (offlineimap) missing() string     { return lacks("offlineimap", imap) }
func (offlineimap) version() string     { return "OfflineIMAP " + said("offlineimap", "--version") }
func (offlineimap) serve(p *pair) error { return p.serveIMAP() }

// inFolder is a folder's name in the client's tree.
func (offlineimap) inFolder(name string) string {
	if name == "." {
		return "INBOX"
	}
	return strings.TrimPrefix(name, ".")
}

func (o offlineimap) setUp(p *pair) error {
	p.local = o.inFolder
	text := fmt.Sprintf(`[general]
accounts = all
ui = quiet

[Account all]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = %s

[Repository far]
type = IMAP
remotehost = %s
preauthtunnel = %s %s %s
`, p.here.Root, p.host, p.ssh(), p.host, p.imap())
	return os.WriteFile(filepath.Join(p.client, ".offlineimaprc"), []byte(text), 0o600)
}

func (offlineimap) command(*pair, task) []string { return durable("offlineimap", "-o") }
