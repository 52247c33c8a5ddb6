package remote

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
	"golang.org/x/sys/unix"

	"smd-applet/desktoptest"
	"smd-applet/sync/fault"
	"smd-applet/sync/synctest"
)

// Like those of remote_test.go, these tests set HOME.

// asked is a program in SSH_ASKPASS's place.
type asked struct {
	t   *testing.T
	dir string
}

func newAsked(t *testing.T) *asked {
	t.Helper()
	a := &asked{t, t.TempDir()}
	script := fmt.Sprintf("#!/bin/sh\necho \"$1\" >>%[1]s/questions\nread answer <%[1]s/answers || exit 1\nsed -i 1d %[1]s/answers\necho \"$answer\"\n", a.dir)
	if err := os.WriteFile(filepath.Join(a.dir, "askpass"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	a.answers()
	t.Setenv("SSH_ASKPASS", filepath.Join(a.dir, "askpass"))
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(a.dir, "none"))
	t.Setenv("XDG_RUNTIME_DIR", a.dir)
	return a
}

// answers are what it will say; then it is cancelled.
func (a *asked) answers(lines ...string) {
	a.t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, "answers"), []byte(strings.Join(append(lines, ""), "\n")), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// questions are those since the last time.
func (a *asked) questions() []string {
	a.t.Helper()
	path := filepath.Join(a.dir, "questions")
	text, _ := os.ReadFile(path) // not there: none
	_ = os.Remove(path)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")[:strings.Count(string(text), "\n")]
}

// logIn connects anew and runs a command.
func logIn(ctx context.Context, t *testing.T, p *Pool) error {
	t.Helper()
	p.Drop()
	h, err := p.Host(ctx, "mailhost", "native")
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.Start(ctx, []string{"true"}, nil)
	if err != nil {
		return err
	}
	return c.Close()
}

// The passphrase of a key is asked for on a click, once, and is in no log; in the
// background nobody is asked.
func TestPassphraseIsAskedForOnAClick(t *testing.T) {
	_, home := server(t, "mailhost")
	file := keyFile(t, home)
	encrypt(t, file)
	person := newAsked(t)
	var log bytes.Buffer
	pool := &Pool{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	t.Cleanup(pool.Close)
	person.answers("secret", "secret")

	err := logIn(t.Context(), t, pool)
	if !fault.Is(err, fault.Auth) || !strings.Contains(fault.As(err).WayOut(), "smd-applet sync") {
		t.Errorf("in the background: %v", err)
	}
	if q := person.questions(); len(q) != 0 {
		t.Errorf("in the background it asked %q", q)
	}
	if err := logIn(new(Click).On(t.Context()), t, pool); err != nil {
		t.Errorf("on a click: %v", err)
	}
	if q := person.questions(); len(q) != 1 || !strings.Contains(q[0], "'"+file+"'") {
		t.Errorf("on a click it asked %q", q)
	}
	for what, ctx := range map[string]context.Context{"in the background": t.Context(), "on a click": new(Click).On(t.Context())} {
		if err := logIn(ctx, t, pool); err != nil {
			t.Errorf("with the key open, %s: %v", what, err)
		}
	}
	if q := person.questions(); len(q) != 0 {
		t.Errorf("with the key open it asked %q", q)
	}
	if strings.Contains(log.String(), "secret") || !strings.Contains(log.String(), "passphrase") {
		t.Errorf("the log: %s", log.String())
	}
}

// A cancelled question is not put again for the same click, a mistyped answer is.
func TestPassphraseNotGiven(t *testing.T) {
	_, home := server(t, "mailhost")
	encrypt(t, keyFile(t, home))
	person := newAsked(t)
	pool := newPool(t)
	click := new(Click)
	for range 2 { // a pull and a push
		err := logIn(click.On(t.Context()), t, pool)
		if !fault.Is(err, fault.Auth) || !strings.Contains(err.Error(), "no passphrase was given") {
			t.Errorf("cancelled: %v", err)
		}
	}
	if q := person.questions(); len(q) != 1 {
		t.Errorf("one click asked %q", q)
	}
	person.answers("wrong", "wrong", "wrong", "secret")
	if err := logIn(new(Click).On(t.Context()), t, pool); !fault.Is(err, fault.Auth) || !strings.Contains(err.Error(), "passphrase was wrong") {
		t.Errorf("wrong each time: %v", err)
	}
	if q := person.questions(); len(q) != tries || !strings.HasPrefix(q[1], "Bad passphrase") {
		t.Errorf("wrong each time: it asked %q", q)
	}
	person.answers("wrong", "secret")
	if err := logIn(new(Click).On(t.Context()), t, pool); err != nil {
		t.Errorf("right at last: %v", err)
	}

	t.Setenv("SSH_ASKPASS_REQUIRE", "never")
	if err := logIn(new(Click).On(t.Context()), t, newPool(t)); !fault.Is(err, fault.Auth) || len(person.questions()) != 2 {
		t.Errorf("where asking is forbidden: %v", err)
	}
}

// A person may take longer than the server waits.
func TestPassphraseGivenLate(t *testing.T) {
	sshd := synctest.StartSSHD(t, synctest.SSHDOptions{ServerHome: t.TempDir()})
	proxy := synctest.StartProxy(t, sshd.Addr)
	home := t.TempDir()
	sshd.WriteClientHomeVia(t, home, "mailhost", proxy.Addr)
	t.Setenv("HOME", home)
	t.Setenv("SSH_AUTH_SOCK", "")
	encrypt(t, keyFile(t, home))
	person := newAsked(t)
	answer := filepath.Join(person.dir, "answer")
	script := fmt.Sprintf("#!/bin/sh\necho \"$1\" >>%s/questions\nexec cat %s\n", person.dir, answer)
	if err := os.WriteFile(os.Getenv("SSH_ASKPASS"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(answer, 0o600); err != nil {
		t.Fatal(err)
	}
	pool, ended := newPool(t), make(chan error, 1)
	go func() { ended <- logIn(new(Click).On(t.Context()), t, pool) }()
	fifo, err := os.OpenFile(answer, os.O_WRONLY, 0) // until it is read: the question is put
	if err != nil {
		t.Fatal(err)
	}
	proxy.Cut()
	proxy.Restore()
	if _, err := fifo.WriteString("secret\n"); err != nil {
		t.Fatal(err)
	}
	fifo.Close()
	if err := <-ended; err != nil {
		t.Errorf("given when the server had hung up: %v", err)
	}
	if q := person.questions(); len(q) != 1 {
		t.Errorf("it asked %q", q)
	}
}

// Nobody is asked for a key that the server would not take, or that is not needed.
func TestPassphraseNotNeeded(t *testing.T) {
	_, home := server(t, "mailhost")
	person := newAsked(t)
	file := keyFile(t, home)
	plain, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key := encrypt(t, file)
	foreign := filepath.Join(home, "foreign")
	if err := os.WriteFile(foreign, plain, 0o600); err != nil {
		t.Fatal(err)
	}
	add(t, home, "Host mailhost\n  IdentityFile "+foreign+"\n")
	if err := logIn(new(Click).On(t.Context()), t, newPool(t)); err != nil {
		t.Errorf("with a key that is open: %v", err)
	}

	config := filepath.Join(home, ".ssh", "config")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, bytes.ReplaceAll(text, []byte("  IdentityAgent none\n"), nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(foreign); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSH_AUTH_SOCK", startAgent(t, key))
	if err := logIn(new(Click).On(t.Context()), t, newPool(t)); err != nil {
		t.Errorf("with the agent: %v", err)
	}
	if q := person.questions(); len(q) != 0 {
		t.Errorf("it asked %q", q)
	}
}

// The user's systemd knows the agent and the askpass that came after us.
func TestEnvironmentOfSystemd(t *testing.T) {
	_, home := server(t, "mailhost")
	newAsked(t)
	bus := desktoptest.StartBus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", bus.Address)
	t.Setenv("SSH_ASKPASS", "")
	config := filepath.Join(home, ".ssh", "config")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, bytes.ReplaceAll(text, []byte("  IdentityAgent none\n"), nil), 0o600); err != nil {
		t.Fatal(err)
	}
	key := encrypt(t, keyFile(t, home))
	pool := newPool(t)
	if err := logIn(t.Context(), t, pool); !fault.Is(err, fault.Auth) {
		t.Errorf("before there is an agent: %v", err)
	}
	const iface = "org.freedesktop.systemd1.Manager"
	conn := bus.Connect(t)
	exported := []string{"LANG=C", "SSH_AUTH_SOCK=" + startAgent(t, key), "SSH_ASKPASS=/usr/bin/ksshaskpass"}
	if _, err := prop.Export(conn, "/org/freedesktop/systemd1", prop.Map{iface: {"Environment": {Value: exported}}}); err != nil {
		t.Fatal(err)
	}
	if reply, err := conn.RequestName("org.freedesktop.systemd1", dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(reply, err)
	}
	if err := logIn(t.Context(), t, pool); err != nil {
		t.Errorf("with the agent that systemd knows: %v", err)
	}
	t.Setenv("SSH_AUTH_SOCK", filepath.Join(home, "dead"))
	if err := logIn(t.Context(), t, pool); err != nil {
		t.Errorf("when our own agent is dead: %v", err)
	}
	if got := environment("SSH_ASKPASS"); got != "/usr/bin/ksshaskpass" {
		t.Errorf("SSH_ASKPASS is %q", got)
	}
	if got := environment("NOWHERE"); got != "" {
		t.Errorf("an unset variable is %q", got)
	}

	// The system's ssh is told of it too.
	h, err := pool.Host(t.Context(), "mailhost", "openssh")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSH_AUTH_SOCK", "")
	c, err := h.Start(t.Context(), []string{"echo", "in"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(c)
	if err := c.Close(); err != nil || string(said) != "in\n" {
		t.Errorf("the system's ssh: %q, %v", said, err)
	}
}
