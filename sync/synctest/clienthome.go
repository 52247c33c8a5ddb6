//go:build unix

package synctest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// WriteClientHome makes the ssh alias known in home/.ssh: config, known_hosts and
// a key that the server accepts. Called again for the same home it adds another
// alias.
func (s *SSHD) WriteClientHome(t TB, home, alias string) {
	t.Helper()
	s.WriteClientHomeVia(t, home, alias, s.Addr)
}

// WriteClientHomeVia is [SSHD.WriteClientHome] for a client that reaches the
// server at addr, the address of a [Proxy].
func (s *SSHD) WriteClientHomeVia(t TB, home, alias, addr string) {
	t.Helper()
	if err := s.writeClientHome(home, alias, addr); err != nil {
		t.Fatalf("write client home: %v", err)
	}
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
	dir := filepath.Join(home, ".ssh")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
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
	return appendTo(filepath.Join(dir, "config"), block)
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
