//go:build unix

package synctest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// IMAP is a mailbox that a real Dovecot keeps, spoken to on a pipe: it needs
// neither a port nor a login.
type IMAP struct {
	// Script starts the server for one caller, who is logged in already.
	Script string

	home string
}

// DovecotIMAP is the program behind [IMAP].
const DovecotIMAP = "/usr/lib/dovecot/imap"

// NewIMAP makes Dovecot serve a Maildir++ in home. Dovecot serves no root: where
// this is root, home becomes nobody's and the directories above it everyone's to pass.
func NewIMAP(t TB, home, maildir string) *IMAP {
	t.Helper()
	if _, err := os.Stat(DovecotIMAP); err != nil {
		Missing(t, DovecotIMAP, "dovecot-imapd")
	}
	user := os.Getenv("USER")
	dir := t.TempDir()
	identity := ""
	if os.Getuid() == 0 {
		user, identity = "nobody", "mail_uid = nobody\nmail_gid = nogroup\n"
		for _, from := range []string{dir, home} {
			for d := from; d != "/"; d = filepath.Dir(d) {
				command(t, "chmod", "a+rx", d)
			}
		}
	}
	config := filepath.Join(dir, "dovecot.conf")
	text := "protocols = imap\nbase_dir = " + dir + "/run\nstate_dir = " + dir + "/state\nlog_path = /dev/stderr\nssl = no\n" +
		"mail_location = maildir:~/" + maildir + "\nnamespace inbox {\n  inbox = yes\n  separator = .\n}\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n" + identity
	s := &IMAP{Script: filepath.Join(dir, "imap"), home: home}
	script := fmt.Sprintf("#!/bin/sh\nexec env HOME=%s USER=%s %s -c %s\n", quoteShell(home), user, DovecotIMAP, quoteShell(config))
	for path, content := range map[string]string{config: text, s.Script: script} {
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatalf("prepare Dovecot: %v", err)
		}
	}
	s.Owned(t, "nobody")
	return s
}

// Owned gives the server's home to a user, where this is root: to "nobody" before
// Dovecot works on what others wrote.
func (s *IMAP) Owned(t TB, by string) {
	t.Helper()
	if os.Getuid() == 0 {
		command(t, "chown", "-R", by, s.home)
	}
}

func command(t TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
}
