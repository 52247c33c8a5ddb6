package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"smd-applet/desktoptest"
	"smd-applet/sync/lock"
	"smd-applet/sync/synctest"
)

// count is how many messages a mailbox has.
func count(m *synctest.Mailbox) int {
	all, _ := m.Messages("")
	return len(all)
}

// isFree reports whether neither applet nor loop runs.
func (l *laptop) isFree() bool {
	held, _, err := lock.Loop(l.home)
	return err == nil && held.Close() == nil
}

// deliver puts a new message into a mailbox's root folder.
func deliver(t *testing.T, m *synctest.Mailbox) {
	t.Helper()
	if _, err := m.Deliver("."); err != nil {
		t.Fatal(err)
	}
}

// every makes the laptop's loop pull and push at these minutes.
func (l *laptop) every(minutes string) {
	l.t.Helper()
	loop := minutes + " " + minutes + " default\n"
	if err := os.WriteFile(filepath.Join(l.home, ".smd", "loop"), []byte(loop), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// Without a bus there is no icon, which is said once; the rest works. A second
// applet makes the first one sync.
func TestAppletWithoutABus(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	l.every("60")
	deliver(t, l.there)
	cmd := exec.Command(filepath.Join(l.bin, "smd-applet"))
	cmd.Env = append(l.env, "DBUS_SESSION_BUS_ADDRESS=", "DISPLAY=", "XDG_RUNTIME_DIR="+t.TempDir())
	applet := desktoptest.Launch(t, cmd)
	desktoptest.Until(t, "the first sync", func() bool { return count(l.local) == 1 })

	deliver(t, l.there)
	out, err := l.run("smd-applet")
	if err != nil || !strings.Contains(out, "asked to sync now") {
		t.Errorf("a second applet: %v: %s", err, out)
	}
	desktoptest.Until(t, "what the second applet asked for", func() bool { return count(l.local) == 2 })

	if err := syscall.Kill(applet.Pid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-applet.Ended()
	if status := cmd.ProcessState.ExitCode(); status != 0 {
		t.Errorf("SIGTERM ended it with status %d", status)
	}
	if said := applet.Output(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "session bus") {
		t.Errorf("it said %q, want one line about the session bus", said)
	}
	if !l.isFree() {
		t.Error("its lock outlives it")
	}
}

// There is one applet on a home: a second one points to the first and ends, so does
// one that finds no socket; and where the first was killed, and left its socket and
// its lock's file, the second takes its place.
func TestSecondApplet(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	l.every("60")
	l.env = append(l.env, "DBUS_SESSION_BUS_ADDRESS=", "DISPLAY=", "XDG_RUNTIME_DIR=") // the socket is in ~/.smd
	start := func() *desktoptest.Process {
		t.Helper()
		cmd := exec.Command(filepath.Join(l.bin, "smd-applet"))
		cmd.Env = l.env
		p := desktoptest.Launch(t, cmd)
		desktoptest.Until(t, "it runs", func() bool {
			out, err := l.run("smd-applet", "status", "--json")
			return err == nil && strings.Contains(out, "default")
		})
		return p
	}
	refused := func(what string, first *desktoptest.Process) {
		t.Helper()
		deliver(t, l.there)
		want := count(l.there)
		out, err := l.run("smd-applet")
		if err != nil || !strings.Contains(out, fmt.Sprintf("process %d runs already", first.Pid())) {
			t.Errorf("%s: a second applet: %v: %s", what, err, out)
		}
		desktoptest.Until(t, what+": what the second applet asked for", func() bool { return count(l.local) == want })
	}
	first := start()
	refused("an applet runs", first)

	if err := syscall.Kill(first.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-first.Ended()
	if _, err := l.run("smd-applet", "status"); err == nil {
		t.Error("a killed applet has a status")
	}
	second := start()
	refused("after a kill", second)

	if sockets, _ := filepath.Glob(filepath.Join(l.home, ".smd", "run", "control.*")); len(sockets) != 1 || os.Remove(sockets[0]) != nil {
		t.Fatalf("there are the sockets %q, want one", sockets)
	}
	refused("without its socket", second)

	if err := syscall.Kill(second.Pid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-second.Ended()
	if !l.isFree() {
		t.Error("its lock outlives it")
	}
}
