package main_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"smd-applet/desktoptest"
)

// The loop syncs at its start, pushes a local change by itself, fetches at
// SIGUSR1, and ends cleanly,
// all without a word.
func TestLoop(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	l.every("60")
	deliver(t, l.there)
	cmd := exec.Command(filepath.Join(l.bin, "smd-loop"))
	cmd.Env = l.env
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	desktoptest.Until(t, "the first sync", func() bool { return count(l.local) == 1 })
	if out, err := l.run("smd-loop"); err == nil {
		t.Errorf("a second loop started: %s", out)
	}
	deliver(t, l.local)
	desktoptest.Until(t, "a push by itself", func() bool { return count(l.there) == 2 })
	deliver(t, l.there)
	if err := cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	desktoptest.Until(t, "a pull at SIGUSR1", func() bool { return count(l.local) == 3 })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the loop ended with %v", err)
	}
	if said.Len() > 0 {
		t.Errorf("without -v it says %q", said.String())
	}
}
