//go:build unix

package synctest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	stdsync "sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// SSHDOptions say how the far end looks to those who log in.
type SSHDOptions struct {
	// ServerHome is $HOME and the working directory of remote commands; it is
	// made when missing. Empty means a temporary one.
	ServerHome string
	// PathPrepend are directories put in front of the remote $PATH, the first
	// one foremost.
	PathPrepend []string
	// Env is added to the remote environment.
	Env map[string]string
	// OwnKeys lets in the keys of ~/.ssh/authorized_keys in ServerHome too, each
	// with what its line says it may do.
	OwnKeys bool
}

// SSHD is a real OpenSSH server on loopback that lets one key in.
//
// Every connection gets an sshd of its own in inetd mode (sshd -i), so that no
// port has to be guessed and each process has an owner.
type SSHD struct {
	Addr       string // host:port
	ServerHome string
	// HostKey is the server's public key as known_hosts and HostKeyAlias files
	// hold it: "ssh-ed25519 AAAA…".
	HostKey string

	dir      string // keys, configuration, pids of the running commands
	program  string
	listener *net.TCPListener
	logins   atomic.Int64
	cut      atomic.Bool

	mu    stdsync.Mutex
	log   bytes.Buffer
	alive map[*exec.Cmd]struct{}
	group stdsync.WaitGroup
}

// StartSSHD starts a server that stops, with all it started, at the test's end.
// Where OpenSSH is not installed the test is skipped, but fails in CI.
func StartSSHD(t TB, o SSHDOptions) *SSHD {
	t.Helper()
	program := findSSHD(t)
	if o.ServerHome == "" {
		o.ServerHome = t.TempDir()
	}
	s := &SSHD{ServerHome: o.ServerHome, dir: t.TempDir(), program: program, alive: make(map[*exec.Cmd]struct{})}
	if err := s.prepare(o); err != nil {
		t.Fatalf("start sshd: %v", err)
	}
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatalf("start sshd: %v", err)
	}
	s.listener, s.Addr = listener, listener.Addr().String()
	s.group.Go(s.accept)
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("stop sshd: %v", err)
		}
	})
	return s
}

func findSSHD(t TB) string {
	t.Helper()
	if path, err := exec.LookPath("sshd"); err == nil {
		if path, err = filepath.Abs(path); err == nil {
			return path
		}
	}
	for _, path := range []string{"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/lib/ssh/sshd"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	Missing(t, "sshd", "openssh-server")
	return ""
}

// Missing skips the test because a program is not installed; in CI it fails it,
// so that nothing goes untested unnoticed.
func Missing(t TB, program, debianPackage string) {
	t.Helper()
	say := t.Skipf
	if os.Getenv("CI") != "" {
		say = t.Fatalf
	}
	say("%s is not installed (apt-get install %s)", program, debianPackage)
}

// Logins is the number of connections made so far: what tells a shared
// connection from many.
func (s *SSHD) Logins() int { return int(s.logins.Load()) }

// Log is what the server said so far.
func (s *SSHD) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// DropConnections ends every connection at the server, as a restart of it does.
// Later ones are welcome.
func (s *SSHD) DropConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for cmd := range s.alive {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may be gone
	}
}

// CutLink ends every connection and refuses new ones until [SSHD.MendLink].
func (s *SSHD) CutLink() {
	s.cut.Store(true)
	s.DropConnections()
}

// MendLink lets connections in again.
func (s *SSHD) MendLink() { s.cut.Store(false) }

// KillCommands kills every remote command now running with what it started, as
// the far end's kernel does when it is out of memory. The connections stay.
func (s *SSHD) KillCommands() error {
	marks, err := filepath.Glob(filepath.Join(s.dir, "running", "*"))
	if err != nil {
		return fmt.Errorf("kill commands: %w", err)
	}
	for _, mark := range marks {
		pid, err := strconv.Atoi(filepath.Base(mark))
		if err != nil {
			return fmt.Errorf("kill commands: %w", err)
		}
		// sshd makes each command the leader of a session, so of a group.
		if group, err := syscall.Getpgid(pid); err == nil && group != syscall.Getpgrp() {
			_ = syscall.Kill(-group, syscall.SIGKILL) // it may be gone
		}
		if err := os.Remove(mark); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("kill commands: %w", err)
		}
	}
	return nil
}

func (s *SSHD) stop() error {
	err := s.listener.Close()
	// The commands first: an sshd without its command ends by itself, and a
	// command without its sshd would be out of reach.
	err = errors.Join(err, s.KillCommands())
	s.DropConnections()
	s.group.Wait()
	return errors.Join(err, s.KillCommands())
}

func (s *SSHD) accept() {
	for {
		conn, err := s.listener.AcceptTCP()
		if err != nil {
			return // closed by stop
		}
		s.logins.Add(1)
		if s.cut.Load() {
			conn.Close()
			continue
		}
		if err := s.serve(conn); err != nil {
			_, _ = (*logWriter)(s).Write([]byte(err.Error() + "\n")) // never fails
		}
	}
}

// serve hands the connection over to an sshd and forgets it.
func (s *SSHD) serve(conn *net.TCPConn) error {
	defer conn.Close()
	file, err := conn.File()
	if err != nil {
		return fmt.Errorf("serve connection: %w", err)
	}
	defer file.Close()
	cmd := exec.Command(s.program, "-i", "-e", "-f", s.path("sshd_config"))
	cmd.Stdin, cmd.Stdout = file, file
	cmd.Stderr = (*logWriter)(s)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}

	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("serve connection: %w", err)
	}
	s.alive[cmd] = struct{}{}
	s.group.Go(func() {
		_ = cmd.Wait() // a login refused or a link cut is no failure of the server
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.alive, cmd)
	})
	return nil
}

// logWriter collects the words of all sshd processes.
type logWriter SSHD

func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

func (s *SSHD) path(name string) string { return filepath.Join(s.dir, name) }

// prepare writes keys and configuration.
func (s *SSHD) prepare(o SSHDOptions) error {
	for _, dir := range []string{s.ServerHome, s.path("running")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if os.Geteuid() == 0 {
		// sshd's unprivileged half lives there; Debian makes it at boot only.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return err
		}
	}
	hostKey, err := writeKey(s.path("host_key"))
	if err != nil {
		return err
	}
	s.HostKey = hostKey
	userKey, err := writeKey(s.path("user_key"))
	if err != nil {
		return err
	}
	if o.OwnKeys {
		userKey = fmt.Sprintf(`command="%s" %s`, quoteShell(s.path("login")), userKey)
	}
	if err := os.WriteFile(s.path("authorized_keys"), []byte(userKey+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(s.path("login"), []byte(s.loginScript(o)), 0o700); err != nil {
		return err
	}
	return os.WriteFile(s.path("sshd_config"), []byte(s.config(o.OwnKeys)), 0o600)
}

// config lets one key in and nothing else, and sends every command through the
// login script; with ownKeys that key's commands. HOME is set here too, for the start-up files of the account's
// shell, which comes before the script.
func (s *SSHD) config(ownKeys bool) string {
	keys, command := quoteConfig(s.path("authorized_keys")), "ForceCommand "+quoteShell(s.path("login"))
	if ownKeys {
		keys += " " + quoteConfig(filepath.Join(s.ServerHome, ".ssh", "authorized_keys"))
		command = ""
	}
	return strings.Join([]string{
		"HostKey " + quoteConfig(s.path("host_key")),
		"AuthorizedKeysFile " + keys,
		"PidFile none",
		"UsePAM no",
		"StrictModes no", // temporary directories lie below /tmp
		"PermitRootLogin yes",
		"PasswordAuthentication no",
		"KbdInteractiveAuthentication no",
		"PrintMotd no",
		"LogLevel VERBOSE",
		"SetEnv " + quoteConfig("HOME="+s.ServerHome),
		command,
	}, "\n") + "\n"
}

// loginScript runs what the client asked for in the server home. While it runs
// a file named after the pid marks it.
func (s *SSHD) loginScript(o SSHDOptions) string {
	path := append(slices.Clone(o.PathPrepend), os.Getenv("PATH"))
	env := map[string]string{"HOME": s.ServerHome, "PATH": strings.Join(path, ":")}
	maps.Copy(env, o.Env)
	var b strings.Builder
	b.WriteString("#!/bin/sh\n")
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&b, "export %s=%s\n", name, quoteShell(env[name]))
	}
	fmt.Fprintf(&b, "cd %s || exit 1\n", quoteShell(s.ServerHome))
	fmt.Fprintf(&b, "mark=%s/$$\n: >\"$mark\"\n", quoteShell(s.path("running")))
	b.WriteString("/bin/sh -c \"$SSH_ORIGINAL_COMMAND\"\nstatus=$?\nrm -f \"$mark\"\nexit $status\n")
	return b.String()
}

// writeKey makes an ed25519 key pair at path and returns the public half.
func writeKey(path string) (string, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return "", err
	}
	block, err := ssh.MarshalPrivateKey(private, "smd-applet test")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return "", err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), nil
}

func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func quoteConfig(s string) string { return `"` + s + `"` }

// currentUser is the login name, the only one a server without root knows.
func currentUser() (string, error) {
	u, err := user.Current()
	if err != nil {
		return "", err
	}
	return u.Username, nil
}
