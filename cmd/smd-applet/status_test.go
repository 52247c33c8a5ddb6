package main_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"smd-applet/desktoptest"
)

// A status bar outlives the loop, also one that is killed, and finds the next one,
// whose socket takes the place of the one that was left.
func TestStatusFollows(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	l.env = append(l.env, "XDG_RUNTIME_DIR=")
	l.every("60")
	deliver(t, l.there)
	start := func(name string, args ...string) *desktoptest.Process {
		cmd := exec.Command(filepath.Join(l.bin, name), args...)
		cmd.Env = l.env
		return desktoptest.Launch(t, cmd)
	}
	bar := start("smd-applet", "status", "--follow", "--format", "polybar", "--no-color")
	shows := func(last string) {
		t.Helper()
		desktoptest.Until(t, last, func() bool { return strings.HasSuffix(bar.Output(), last+"\n") })
	}
	shows("mail not running")
	loop := start("smd-loop")
	shows("mail in sync")
	if err := syscall.Kill(loop.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-loop.Ended()
	shows("mail not running")
	start("smd-loop")
	shows("mail in sync")
	if out, err := l.run("smd-applet", "pause"); err != nil {
		t.Fatalf("pause: %v: %s", err, out)
	}
	shows("mail paused")
	if err := syscall.Kill(bar.Pid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-bar.Ended()
	lines := strings.Split(strings.TrimSpace(bar.Output()), "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "mail ") || i > 0 && line == lines[i-1] {
			t.Errorf("line %d is %q", i, line)
		}
	}
}
