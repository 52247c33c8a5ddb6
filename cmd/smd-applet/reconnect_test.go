package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/control"
	"smd-applet/desktoptest"
	"smd-applet/sync"
	"smd-applet/sync/synctest"
	"smd-applet/sync/wire/smd2"
)

// TestResidentReconnects: a line that is cut is made again, after a pause and not
// again and again, and what happened at both ends meanwhile takes one exchange over it.
func TestResidentReconnects(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	line := synctest.StartProxy(t, l.sshd.Addr)
	l.sshd.WriteClientHomeVia(t, l.home, "mailfar", line.Addr)
	l.configure("SERVERNAME=mailfar\nCLIENTNAME=laptop-test\nMAILBOX=Mail\nPROTOCOL=2\nDEBUG=true\n")
	l.every("60")
	deliver(t, l.there)
	loop := exec.Command(filepath.Join(l.bin, "smd-loop"))
	loop.Env = append(l.env, "DBUS_SESSION_BUS_ADDRESS=disabled:")
	desktoptest.Launch(t, loop)

	// exchanges counts the runs over the line of now that found something to do: the
	// others are over with the answer to their beginning.
	exchanges := func() (n int) {
		sent, err := os.ReadFile(filepath.Join(l.home, ".smd", "log", "traffic.default.sent.log"))
		if err != nil {
			t.Fatal(err)
		}
		conn := smd2.NewConn(bytes.NewReader(sent), io.Discard, smd2.Options{})
		if err := conn.Greet(); err != nil {
			t.Fatal(err)
		}
		for {
			switch msg, err := conn.Receive(); msg.(type) {
			case *smd2.End:
				n++
			default:
				if err != nil {
					return n
				}
			}
		}
	}
	failures := func() int {
		log, err := os.ReadFile(filepath.Join(l.home, ".smd", "log", "loop.log"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(log), "sync failed")
	}
	settled := func(messages int) func() bool {
		return func() bool {
			out, _ := l.run("smd-applet", "status", "--json")
			var s control.Status
			return count(l.local) == messages && count(l.there) == messages && json.Unmarshal([]byte(out), &s) == nil && s.Overall == sync.Idle
		}
	}
	desktoptest.Until(t, "the first sync", settled(1))
	if exchanges() == 0 {
		t.Fatal("no exchange is seen on the line")
	}

	line.Cut()
	desktoptest.Until(t, "it is noticed", func() bool { return failures() > 0 })
	for range 3 {
		deliver(t, l.there)
		deliver(t, l.local)
	}
	logins := l.sshd.Logins()
	line.Restore()
	desktoptest.Until(t, "what happened meanwhile is everywhere", settled(7))
	if n := l.sshd.Logins() - logins; n != 1 {
		t.Errorf("it took %d connections", n)
	}
	if n := exchanges(); n != 1 {
		t.Errorf("it took %d exchanges", n)
	}
	// The loss of the line, and what could not be pushed.
	if n := failures(); n > 2 {
		t.Errorf("it failed %d times", n)
	}
	before := exchanges()
	deliver(t, l.there)
	desktoptest.Until(t, "it goes on as before", settled(8))
	if exchanges() == before || l.sshd.Logins() != logins+1 {
		t.Error("not over the same line")
	}
}
