package desktoptest

import (
	"os/exec"
	"testing"

	"github.com/godbus/dbus/v5"
)

// Mock starts a mock of a system service, by a template of python-dbusmock and
// its parameters (JSON), and waits until it has its name. A program finds it by
// the bus's address in DBUS_SYSTEM_BUS_ADDRESS.
func (b *Bus) Mock(t testing.TB, template, parameters, name string) *Process {
	t.Helper()
	const python = "/usr/bin/python3" // Debian's, which has the module
	Needs(t, python)
	cmd := exec.Command(python, "-m", "dbusmock", "--system", "--template", template, "--parameters", parameters)
	cmd.Env = append(cmd.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+b.Address)
	if out, err := exec.Command(python, "-c", "import dbusmock").CombinedOutput(); err != nil {
		Needs(t, "python3-dbusmock")
		t.Fatalf("python3-dbusmock: %v: %s", err, out)
	}
	mock := Launch(t, cmd)
	conn := b.Connect(t)
	Until(t, "the mock of "+name, func() bool { return owned(conn, name) })
	return mock
}

// Call calls a method of an object on the bus, and returns what it answers.
func (b *Bus) Call(t testing.TB, name string, path dbus.ObjectPath, method string, args ...any) []any {
	t.Helper()
	call := b.Connect(t).Object(name, path).Call(method, 0, args...)
	if call.Err != nil {
		t.Fatalf("%s: %v", method, call.Err)
	}
	return call.Body
}
