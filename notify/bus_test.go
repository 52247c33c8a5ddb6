package notify

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	stdsync "sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// patience is how long a test waits for another program.
const patience = 20 * time.Second

// need skips the test where a program is missing, and fails it in CI.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is missing", program)
		}
		t.Skipf("%s is missing", program)
	}
}

// started runs a program until stop is called or the test ends; stop returns
// when it is gone.
func started(t *testing.T, cmd *exec.Cmd) (stop func()) {
	t.Helper()
	if testing.Verbose() {
		cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = stdsync.OnceFunc(func() {
		hard := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer hard.Stop()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// answering starts a program that writes one line to file descriptor 3 when it
// is ready, and returns that line.
func answering(t *testing.T, cmd *exec.Cmd) (line string, stop func()) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.ExtraFiles = []*os.File{w}
	stop = started(t, cmd)
	_ = w.Close()
	_ = r.SetReadDeadline(time.Now().Add(patience))
	line, err = bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", cmd.Path, err)
	}
	return strings.TrimSpace(line), stop
}

// privateBus is a session bus of the test's own.
type privateBus struct {
	address string
	config  string
	env     []string
	stop    func()
}

// newBus starts a bus that activates nothing, but for services: names and
// what to run for them.
func newBus(t *testing.T, services map[string]string, env ...string) *privateBus {
	t.Helper()
	need(t, "dbus-daemon")
	// Not t.TempDir: the path of a socket is short.
	dir, err := os.MkdirTemp("", "bus")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	config, err := os.ReadFile("testdata/bare-session.conf")
	if err != nil {
		t.Fatal(err)
	}
	for name, run := range services {
		write(t, filepath.Join(dir, name+".service"), fmt.Sprintf("[D-BUS Service]\nName=%s\nExec=%s\n", name, run))
	}
	b := &privateBus{address: "unix:path=" + dir + "/bus", config: dir + "/session.conf", env: env}
	write(t, b.config, strings.Replace(string(config), "</type>", "</type><servicedir>"+dir+"</servicedir>", 1))
	b.start(t)
	return b
}

func (b *privateBus) start(t *testing.T) {
	t.Helper()
	cmd := exec.Command("dbus-daemon", "--config-file="+b.config, "--address="+b.address, "--nofork", "--print-address=3")
	cmd.Env = append(os.Environ(), b.env...)
	_, b.stop = answering(t, cmd)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (b *privateBus) dial(opts ...dbus.ConnOption) (*dbus.Conn, error) {
	return dbus.Dial(b.address, opts...)
}

// connect joins the bus as one more application.
func (b *privateBus) connect(t *testing.T) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(b.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// sender returns what is tested, on this bus.
func (b *privateBus) sender(t *testing.T) *Bus {
	t.Helper()
	s := NewBus(slog.New(slog.NewTextHandler(t.Output(), nil)), nil)
	s.dial = b.dial
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// eventually polls for what nothing tells of.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
