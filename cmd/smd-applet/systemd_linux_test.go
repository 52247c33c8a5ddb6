package main_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"smd-applet/desktoptest"
	"smd-applet/sync/synctest"
)

// As a service of systemd the loop tells when it is ready, how things stand,
// that it is alive, again and again, and that it is stopping.
func TestLoopTellsSystemd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := socket.SetReadDeadline(time.Now().Add(desktoptest.Patience)); err != nil {
		t.Fatal(err)
	}
	await := func(parts ...string) {
		t.Helper()
		message := make([]byte, 4096)
		for {
			n, err := socket.Read(message)
			if err != nil {
				t.Fatalf("no message with %q: %v", parts, err)
			}
			found := true
			for _, p := range parts {
				found = found && strings.Contains(string(message[:n]), p)
			}
			if found {
				return
			}
		}
	}
	cmd := exec.Command(filepath.Join(synctest.BuildBinary(t), "smd-loop"))
	cmd.Env = append(os.Environ(), "HOME="+dir, "NOTIFY_SOCKET="+socket.LocalAddr().String(), "WATCHDOG_USEC=150000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	await("READY=1", "STATUS=attention: ", filepath.Join(dir, ".smd", "config.default"))
	await("WATCHDOG=1")
	await("WATCHDOG=1")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await("STOPPING=1")
	if err := cmd.Wait(); err != nil {
		t.Errorf("the loop ended with %v", err)
	}
}

// A socket that nobody listens at any more stops nothing.
func TestLoopWithoutItsServiceManager(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command(filepath.Join(synctest.BuildBinary(t), "smd-loop"))
	cmd.Env = append(os.Environ(), "HOME="+dir, "NOTIFY_SOCKET="+filepath.Join(dir, "gone"), "WATCHDOG_USEC=soon")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	desktoptest.Until(t, "the template", func() bool {
		_, err := os.Stat(filepath.Join(dir, ".smd", "config.default"))
		return err == nil
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the loop ended with %v", err)
	}
}
