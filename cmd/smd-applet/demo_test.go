package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"smd-applet/desktoptest"
	"smd-applet/sync/synctest"
)

// demo starts the demo in a folder for temporary files of its own, which it must
// leave empty.
func demo(t *testing.T, env []string, args ...string) (*desktoptest.Process, *exec.Cmd) {
	t.Helper()
	cmd := exec.Command(filepath.Join(synctest.BuildBinary(t), "smd-applet"), append([]string{"demo", "--pace", "100ms"}, args...)...)
	temporary := t.TempDir()
	cmd.Env = slices.Concat(env, []string{"TMPDIR=" + temporary})
	t.Cleanup(func() {
		if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
			t.Errorf("the demo leaves %v behind (%v)", left, err)
		}
	})
	return desktoptest.Launch(t, cmd), cmd
}

var withoutBus = append(os.Environ(), "DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR=")

func TestDemo(t *testing.T) {
	t.Parallel()
	p, cmd := demo(t, withoutBus, "--once")
	<-p.Ended()
	if !cmd.ProcessState.Success() {
		t.Fatalf("it ended with %v", cmd.ProcessState)
	}
	for _, line := range []string{
		"  pull: 300 new, ", "  pull: 1 new, ", "  push: 1 flagged", "  push: 1 new, ", "  pull: 1 deleted", "  push: 1 deleted",
		"  ! the server can't be reached", "  the problem is over",
	} {
		if !strings.Contains(p.Output(), line) {
			t.Errorf("no %q in:\n%s", line, p.Output())
		}
	}
}

// Whenever Ctrl-C comes, the demo ends at once and cleanly.
func TestDemoEndsByCtrlC(t *testing.T) {
	t.Parallel()
	for _, moment := range []string{"The first sync", "is cut", "That was the tour"} {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			p, cmd := demo(t, withoutBus)
			desktoptest.Until(t, moment, func() bool { return strings.Contains(p.Output(), moment) })
			if err := syscall.Kill(p.Pid(), syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			<-p.Ended()
			if !cmd.ProcessState.Success() {
				t.Errorf("it ended with %v:\n%s", cmd.ProcessState, p.Output())
			}
		})
	}
}
