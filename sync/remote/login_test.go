package remote

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	stdsync "sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"smd-applet/sync/fault"
	"smd-applet/sync/synctest"
)

// Like those of remote_test.go, these tests set HOME.

// add appends text to the ssh configuration in home.
func add(t *testing.T, home, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(home, ".ssh", "config"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// hello has the server of an alias say something.
func hello(t *testing.T, alias string) error {
	t.Helper()
	h, err := newPool(t).Host(t.Context(), alias, "native")
	if err != nil {
		return err
	}
	c, err := h.Start(t.Context(), []string{"echo", "hello"}, nil)
	if err != nil {
		return err
	}
	said, err := io.ReadAll(c)
	if err == nil && string(said) != "hello\n" {
		err = fmt.Errorf("it said %q", said)
	}
	if closed := c.Close(); err == nil {
		err = closed
	}
	return err
}

func TestWithoutSSH(t *testing.T) {
	_, home := server(t, "mailhost")
	t.Setenv("PATH", t.TempDir())
	if err := hello(t, "mailhost"); err != nil {
		t.Error(err)
	}
	o, err := resolveOptions(t.Context(), "someone@example.org")
	if err != nil {
		t.Fatal(err)
	}
	if o.addr() != "example.org:22" || o.get("user") != "someone" || len(o.files("identityfile")) != 3 {
		t.Errorf("options of a host that is not in the configuration: %q", o)
	}
	if known := o.files("userknownhostsfile"); len(known) != 2 || known[0] != filepath.Join(home, ".ssh", "known_hosts") {
		t.Errorf("known hosts are in %q", known)
	}
	add(t, home, "Match exec true\n  User other\n")
	if err := hello(t, "mailhost"); !fault.Is(err, fault.Config) || !strings.Contains(fault.As(err).WayOut(), "openssh-client") {
		t.Errorf("with what only ssh understands: %v", err)
	}
}

func TestProxyJump(t *testing.T) {
	mail := synctest.StartSSHD(t, synctest.SSHDOptions{ServerHome: t.TempDir()})
	jump, home := server(t, "jumphost")
	mail.WriteClientHome(t, home, "mailhost")
	add(t, home, "Host mailhost\n  ProxyJump jumphost\n")
	if err := hello(t, "mailhost"); err != nil {
		t.Fatal(err)
	}
	if jump.Logins() != 1 || mail.Logins() != 1 {
		t.Errorf("%d logins at the jump host, %d behind it", jump.Logins(), mail.Logins())
	}
	known := filepath.Join(home, ".ssh", "known_hosts")
	lines, err := os.ReadFile(known)
	if err != nil {
		t.Fatal(err)
	}
	var behind []string // all but the jump host's
	for line := range strings.Lines(string(lines)) {
		if !strings.Contains(line, jump.HostKey) {
			behind = append(behind, line)
		}
	}
	if err := os.WriteFile(known, []byte(strings.Join(behind, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := hello(t, "mailhost"); !fault.Is(err, fault.HostKeyUnknown) || fault.As(err).Path != "jumphost" {
		t.Errorf("through a jump host that is unknown: %v", err)
	}
}

// encrypt puts a passphrase on the key, and returns it without.
func encrypt(t *testing.T, path string) any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParseRawPrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	// One round of its key derivation: under the race detector more are slow.
	if out, err := exec.Command("ssh-keygen", "-p", "-P", "", "-N", "secret", "-a", "1", "-f", path).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".pub", ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	return key
}

// startAgent starts an agent with keys and returns its socket.
func startAgent(t *testing.T, keys ...any) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, key := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "agent") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var group stdsync.WaitGroup
	group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer conn.Close()
				_ = agent.ServeAgent(ring, conn) // until the client goes
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		group.Wait()
		os.RemoveAll(dir)
	})
	return socket
}

// A key with a passphrase is of use through the agent alone, which may come
// late, and have other keys as well.
func TestAgent(t *testing.T) {
	_, home := server(t, "mailhost")
	config := filepath.Join(home, ".ssh", "config")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.ReplaceAll(string(text), "  IdentityAgent none\n", ""))
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	key := encrypt(t, keyFile(t, home))
	err = hello(t, "mailhost")
	if !fault.Is(err, fault.Auth) || !strings.Contains(err.Error(), "it needs a passphrase: add it to the agent") {
		t.Errorf("without an agent: %v", err)
	}
	_, other, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSH_AUTH_SOCK", startAgent(t, other, key))
	if err := hello(t, "mailhost"); err != nil {
		t.Errorf("with the agent: %v", err)
	}
}

// A link that carries nothing any more is found out and ended.
func TestKeepAlive(t *testing.T) {
	sshd := synctest.StartSSHD(t, synctest.SSHDOptions{ServerHome: t.TempDir()})
	proxy := synctest.StartProxy(t, sshd.Addr)
	home := t.TempDir()
	sshd.WriteClientHomeVia(t, home, "mailhost", proxy.Addr)
	t.Setenv("HOME", home)
	add(t, home, "Host mailhost\n  ServerAliveInterval 1\n")
	h := host(t, newPool(t), "")
	c, err := h.Start(context.Background(), []string{"cat"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	proxy.Stall()
	_, _ = io.ReadAll(c) // without keepalive it would never return
	if err := c.Close(); !fault.Is(err, fault.Network) {
		t.Errorf("a stalled link is told as %v", err)
	}
	proxy.Restore()
	if err := hello(t, "mailhost"); err != nil {
		t.Errorf("after it is mended: %v", err)
	}
}

func TestTrust(t *testing.T) {
	sshd, home := server(t, "mailhost")
	known := filepath.Join(home, ".ssh", "known_hosts")
	fetch := func() *HostKey {
		t.Helper()
		key, err := FetchHostKey(t.Context(), "mailhost", newPool(t).Log)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	if key := fetch(); !key.Trusted || key.Replaces != nil || !strings.HasPrefix(key.Fingerprint, "SHA256:") {
		t.Errorf("a key on record: %+v", key)
	}

	comment := "# mine\n"
	if err := os.WriteFile(known, []byte(comment), 0o600); err != nil {
		t.Fatal(err)
	}
	key := fetch()
	if key.Trusted || key.Replaces != nil {
		t.Errorf("a key that is not on record: %+v", key)
	}
	if err := key.Record(); err != nil {
		t.Fatal(err)
	}
	if err := hello(t, "mailhost"); err != nil {
		t.Errorf("after it was recorded: %v", err)
	}

	other := synctest.StartSSHD(t, synctest.SSHDOptions{ServerHome: t.TempDir()})
	recorded, err := os.ReadFile(known)
	if err != nil {
		t.Fatal(err)
	}
	stale := strings.ReplaceAll(string(recorded), sshd.HostKey, other.HostKey)
	if err := os.WriteFile(known, []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := hello(t, "mailhost"); !fault.Is(err, fault.HostKeyChanged) {
		t.Errorf("with another key on record: %v", err)
	}
	if key = fetch(); key.Trusted || len(key.Replaces) != 1 {
		t.Errorf("a key that changed: %+v", key)
	}
	if err := key.Record(); err != nil {
		t.Fatal(err)
	}
	if err := hello(t, "mailhost"); err != nil {
		t.Errorf("after the new key was recorded: %v", err)
	}
	now, _ := os.ReadFile(known)
	if string(now) != string(recorded) {
		t.Errorf("known_hosts is now\n%s", now)
	}
	if was, _ := os.ReadFile(known + ".old"); string(was) != stale {
		t.Errorf("what was before is kept as\n%s", was)
	}
}

// A command is not waited for longer than its context, where the server of an open
// connection is silent.
func TestSilentServer(t *testing.T) {
	sshd := synctest.StartSSHD(t, synctest.SSHDOptions{ServerHome: t.TempDir()})
	proxy := synctest.StartProxy(t, sshd.Addr)
	home := t.TempDir()
	sshd.WriteClientHomeVia(t, home, "mailhost", proxy.Addr)
	t.Setenv("HOME", home)
	h := host(t, newPool(t), "")
	c, err := h.Start(t.Context(), []string{"true"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	proxy.Stall()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := h.Start(ctx, []string{"true"}, nil); !fault.Is(err, fault.Network) {
		t.Errorf("with a silent server: %v", err)
	}
}

// Dropping the connections ends what goes over them at once, also a login that a
// silent network keeps waiting; the next command connects anew.
func TestDrop(t *testing.T) {
	sshd := synctest.StartSSHD(t, synctest.SSHDOptions{ServerHome: t.TempDir()})
	proxy := synctest.StartProxy(t, sshd.Addr)
	home := t.TempDir()
	sshd.WriteClientHomeVia(t, home, "mailhost", proxy.Addr)
	t.Setenv("HOME", home)
	pool := newPool(t)
	h := host(t, pool, "")
	c, err := h.Start(t.Context(), []string{"cat"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	proxy.Stall()
	pool.Drop()
	_, _ = io.ReadAll(c) // it would wait for ever
	if err := c.Close(); !fault.Is(err, fault.Network) {
		t.Errorf("a command whose connection was dropped: %v", err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, port, _ := net.SplitHostPort(silent.Addr().String())
	add(t, home, "Host silent\n  HostName 127.0.0.1\n  Port "+port+"\n")
	quiet, err := pool.Host(t.Context(), "silent", "native")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan error)
	go func() {
		_, err := quiet.Start(t.Context(), []string{"cat"}, nil)
		started <- err
	}()
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	pool.Drop()
	if err := <-started; !fault.Is(err, fault.Network) {
		t.Errorf("a login that was dropped: %v", err)
	}
	proxy.Restore()
	c, err = h.Start(t.Context(), []string{"true"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
