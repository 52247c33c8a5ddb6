package desktoptest

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

//go:embed testdata/session.conf
var sessionConf []byte

// Bus is a private session bus that activates no service.
type Bus struct {
	// Address is what DBUS_SESSION_BUS_ADDRESS is to be. A restarted bus keeps it.
	Address string

	dir    string
	daemon *Process
}

// StartBus starts a bus that ends with the test.
func StartBus(t testing.TB) *Bus {
	t.Helper()
	Needs(t, "dbus-daemon")
	// Not t.TempDir: a socket's path must be short.
	dir, err := os.MkdirTemp("", "bus")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "session.conf"), sessionConf, 0o600); err != nil {
		t.Fatal(err)
	}
	b := &Bus{Address: "unix:path=" + filepath.Join(dir, "socket"), dir: dir}
	b.Restart(t)
	return b
}

// Restart starts the bus again where it was. What was connected is not.
func (b *Bus) Restart(t testing.TB) {
	t.Helper()
	b.Stop()
	_ = os.Remove(filepath.Join(b.dir, "socket")) // there is none the first time
	b.daemon = Launch(t, exec.Command("dbus-daemon",
		"--config-file="+filepath.Join(b.dir, "session.conf"), "--address="+b.Address, "--nofork", "--nopidfile"))
	Until(t, "the bus takes connections", func() bool {
		conn, err := dbus.Connect(b.Address)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

// Stop ends the bus.
func (b *Bus) Stop() {
	if b.daemon != nil {
		b.daemon.Stop()
	}
}

// Connect returns a connection that is closed with the test.
func (b *Bus) Connect(t testing.TB) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(b.Address)
	if err != nil {
		t.Fatalf("connect to the test's bus: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Signals records the signals the process pid sends from now on, and returns
// what gives their names, interface and member, so far.
func (b *Bus) Signals(t testing.TB, pid int) func() []string {
	t.Helper()
	conn := b.Connect(t)
	sender := fmt.Sprintf("org.kde.StatusNotifierItem-%d-1", pid)
	if err := conn.AddMatchSignal(dbus.WithMatchSender(sender)); err != nil {
		t.Fatal(err)
	}
	received := make(chan *dbus.Signal, 1024)
	conn.Signal(received)
	var names []string
	return func() []string {
		for {
			select {
			case s := <-received:
				names = append(names, s.Name)
			default:
				return names
			}
		}
	}
}

// Emit sends a signal, given as interface and member, to one connection only, and
// returns when the bus has taken it.
func (b *Bus) Emit(t testing.TB, destination, name string, body ...any) {
	t.Helper()
	conn := b.Connect(t)
	dot := strings.LastIndexByte(name, '.')
	sent := conn.Send(&dbus.Message{
		Type: dbus.TypeSignal,
		Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldDestination: dbus.MakeVariant(destination),
			dbus.FieldPath:        dbus.MakeVariant(dbus.ObjectPath("/org/freedesktop/Notifications")),
			dbus.FieldInterface:   dbus.MakeVariant(name[:dot]),
			dbus.FieldMember:      dbus.MakeVariant(name[dot+1:]),
			dbus.FieldSignature:   dbus.MakeVariant(dbus.SignatureOf(body...)),
		},
		Body: body,
	}, nil)
	if sent != nil && sent.Err != nil {
		t.Fatalf("emit %s: %v", name, sent.Err)
	}
	// The bus keeps the order: an answer to this means that it has the signal.
	if err := conn.BusObject().Call("org.freedesktop.DBus.Peer.Ping", 0).Err; err != nil {
		t.Fatalf("emit %s: %v", name, err)
	}
}

// owned reports whether somebody on the bus has the name.
func owned(conn *dbus.Conn, name string) bool {
	var has bool
	err := conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, name).Store(&has)
	return err == nil && has
}
