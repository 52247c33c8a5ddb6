package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/desktoptest"
	"smd-applet/sync/synctest"
)

// userManager is a systemd of a user, in a name space of its own: there it
// believes that the machine was booted by systemd, and finds our programs in
// /usr/local/bin.
type userManager struct {
	t   *testing.T
	env []string
}

func startUserManager(t *testing.T, home string) *userManager {
	t.Helper()
	desktoptest.Needs(t, "systemctl")
	desktoptest.Needs(t, "unshare")
	private := []string{"--mount"}
	if os.Getuid() != 0 {
		private = append(private, "--map-root-user")
	}
	if out, err := exec.Command("unshare", append(private, "true")...).CombinedOutput(); err != nil {
		t.Skipf("no name spaces here: %v: %s", err, out)
	}
	runtime := t.TempDir()
	units := filepath.Join(home, ".config", "systemd", "user")
	if err := os.MkdirAll(units, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"smd-loop.service", "smd-applet.service"} {
		unit, err := os.ReadFile(filepath.Join("..", "..", "packaging", "systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		// All is as it is installed, but for the half minute before a new start.
		text := strings.Replace(string(unit), "RestartSec=30", "RestartSec=1", 1)
		if err := os.WriteFile(filepath.Join(units, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := &userManager{t: t, env: []string{
		"HOME=" + home, "XDG_RUNTIME_DIR=" + runtime, "PATH=" + os.Getenv("PATH"), "LC_ALL=C",
		"DBUS_SYSTEM_BUS_ADDRESS=disabled:", "DBUS_SESSION_BUS_ADDRESS=disabled:",
	}}
	// Without the right to mount, root is to it what any user is.
	cmd := exec.Command("unshare", append(private, "sh", "-e", "-c", `
		mount -t tmpfs tmpfs /run
		mkdir -p /run/systemd/system
		mount --bind "$0" /usr/local/bin
		exec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin -- /lib/systemd/systemd --user --log-target=console`, synctest.BuildBinary(t))...)
	cmd.Env = m.env
	manager := desktoptest.Launch(t, cmd)
	desktoptest.Until(t, "a user's service manager", func() bool {
		select {
		case <-manager.Ended():
			t.Skipf("systemd does not run here, not even a user's: %s", manager.Output())
		default:
		}
		_, err := os.Stat(filepath.Join(runtime, "systemd", "private"))
		return err == nil
	})
	return m
}

func (m *userManager) systemctl(args ...string) string {
	m.t.Helper()
	cmd := exec.Command("systemctl", append([]string{"--user", "--no-pager"}, args...)...)
	cmd.Env = m.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		status := exec.Command("systemctl", "--user", "--no-pager", "status", args[len(args)-1])
		status.Env = m.env
		said, _ := status.CombinedOutput() // not 0 for what has failed
		m.t.Fatalf("systemctl %q: %v: %s\n%s", args, err, out, said)
	}
	return string(out)
}

func (m *userManager) property(unit, name string) string {
	m.t.Helper()
	return strings.TrimSpace(m.systemctl("show", "--value", "--property", name, unit))
}

// The units as they are installed run under a real service manager of a user: it
// waits until the program is ready, shows how things stand, starts it anew when
// it was killed, and ends it cleanly.
func TestUnits(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"smd-loop.service", "smd-applet.service"} {
		t.Run(unit, func(t *testing.T) {
			t.Parallel()
			l := newLaptop(t)
			l.every("60")
			deliver(t, l.there)
			m := startUserManager(t, l.home)
			m.systemctl("start", unit)
			if state := m.property(unit, "ActiveState"); state != "active" {
				t.Fatalf("%s is %s", unit, state)
			}
			desktoptest.Until(t, "the first sync", func() bool { return count(l.local) == 1 })
			desktoptest.Until(t, "the status in systemctl", func() bool {
				return strings.Contains(m.systemctl("status", unit), "idle")
			})

			first := m.property(unit, "MainPID")
			m.systemctl("kill", "--signal=KILL", "--kill-who=main", unit)
			desktoptest.Until(t, "a new start", func() bool {
				pid := m.property(unit, "MainPID")
				return pid != "0" && pid != first && m.property(unit, "ActiveState") == "active"
			})
			deliver(t, l.local)
			desktoptest.Until(t, "the sync after it", func() bool { return count(l.there) == 2 })

			m.systemctl("stop", unit)
			if got := fmt.Sprint(m.property(unit, "ActiveState"), " ", m.property(unit, "Result")); got != "inactive success" {
				t.Errorf("%s ended: %s", unit, got)
			}
			l.equal()
		})
	}
}
