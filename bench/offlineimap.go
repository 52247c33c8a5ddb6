//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
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
	// Without autorefresh, in minutes, it ends after a run, whatever it is to wait for.
	waiting := strings.Replace(text, "remoterepository = far\n", "remoterepository = far\nautorefresh = 60\n", 1) + "idlefolders = ['INBOX']\n"
	return errors.Join(
		os.WriteFile(filepath.Join(p.client, ".offlineimaprc"), []byte(text), 0o600),
		os.WriteFile(p.waitingConfig(), []byte(waiting), 0o600),
	)
}

func (p *pair) waitingConfig() string { return filepath.Join(p.client, ".offlineimaprc-waiting") }

// waits has it wait for mail in the inbox by IDLE. What comes while it is at work on
// the message before, it is not told of until the next.
func (offlineimap) waits(p *pair, rtt time.Duration) ([]string, time.Duration) {
	return []string{"offlineimap", "-c", p.waitingConfig()}, 1500*time.Millisecond + 10*rtt
}

func (offlineimap) command(*pair, task) []string { return durable("offlineimap", "-o") }
