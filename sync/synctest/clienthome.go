//go:build unix

package synctest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// WriteClientHome makes the ssh alias known in home/.ssh: config, known_hosts and
// a key that the server accepts. Called again for the same home it adds another
// alias.
//
// OpenSSH takes ~/.ssh from the account, not from $HOME; so home/bin holds an
// ssh that reads the home's own config. The function returns that directory,
// to be put in front of $PATH.
func (s *SSHD) WriteClientHome(t TB, home, alias string) (bin string) {
	t.Helper()
	return s.WriteClientHomeVia(t, home, alias, s.Addr)
}

// WriteClientHomeVia is [SSHD.WriteClientHome] for a client that reaches the
// server at addr, the address of a [Proxy].
func (s *SSHD) WriteClientHomeVia(t TB, home, alias, addr string) (bin string) {
	t.Helper()
	if err := s.writeClientHome(home, alias, addr); err != nil {
		t.Fatalf("write client home: %v", err)
	}
	return filepath.Join(home, "bin")
}

func (s *SSHD) writeClientHome(home, alias, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	account, err := currentUser()
	if err != nil {
		return err
	}
	dir, bin := filepath.Join(home, ".ssh"), filepath.Join(home, "bin")
	for _, d := range []string{dir, bin} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	key := filepath.Join(dir, "id_"+alias)
	private, err := os.ReadFile(s.path("user_key"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(key, private, 0o600); err != nil {
		return err
	}
	knownHosts := filepath.Join(dir, "known_hosts")
	if err := appendTo(knownHosts, fmt.Sprintf("[%s]:%s %s\n", host, port, s.HostKey)); err != nil {
		return err
	}
	block := strings.Join([]string{
		"Host " + alias,
		"  HostName " + host,
		"  Port " + port,
		"  User " + account,
		"  IdentityFile " + quoteConfig(key),
		"  IdentitiesOnly yes",
		"  IdentityAgent none",
		"  UserKnownHostsFile " + quoteConfig(knownHosts),
		"  GlobalKnownHostsFile none",
		"  BatchMode yes",
	}, "\n") + "\n"
	if err := appendTo(filepath.Join(dir, "config"), block); err != nil {
		return err
	}
	return writeSSH(filepath.Join(bin, "ssh"), filepath.Join(dir, "config"))
}

// writeSSH writes an ssh that reads config. Where there is no ssh there is none
// to wrap.
func writeSSH(path, config string) error {
	real, err := exec.LookPath("ssh")
	if err != nil {
		return nil
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %s -F %s \"$@\"\n", quoteShell(real), quoteShell(config))
	return os.WriteFile(path, []byte(script), 0o700)
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		_ = f.Close() // the first error tells more
		return err
	}
	return f.Close()
}
