package remote

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// environment is a variable of ours, or of the user's systemd: what was started
// before the agent, or out of the session, lacks what the session has learnt since.
func environment(name string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	for _, assignment := range userEnvironment() {
		if v, ok := strings.CutPrefix(assignment, name+"="); ok {
			return v
		}
	}
	return ""
}

// busTimeout is for a bus that does not answer.
const busTimeout = 2 * time.Second

// userEnvironment asks the user's systemd for its environment, NAME=value each;
// nil where there is none.
func userEnvironment() []string {
	address := os.Getenv("DBUS_SESSION_BUS_ADDRESS")
	if address == "" {
		address = "unix:path=" + filepath.Join(runtimeDir(), "bus")
	}
	ctx, cancel := context.WithTimeout(context.Background(), busTimeout)
	defer cancel()
	conn, err := dbus.Dial(address, dbus.WithContext(ctx)) // starts no bus
	if err != nil {
		return nil
	}
	defer conn.Close()
	if conn.Auth(nil) != nil || conn.Hello() != nil {
		return nil
	}
	var value dbus.Variant
	err = conn.Object("org.freedesktop.systemd1", "/org/freedesktop/systemd1").CallWithContext(
		ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart, "org.freedesktop.systemd1.Manager", "Environment").Store(&value)
	if err != nil {
		return nil
	}
	assignments, _ := value.Value().([]string)
	return assignments
}

// runtimeDir is where the user's sockets are.
func runtimeDir() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return dir
	}
	return filepath.Join("/run/user", strconv.Itoa(os.Getuid()))
}
