package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"smd-applet/control"
	"smd-applet/desktoptest"
	"smd-applet/sync"
	"smd-applet/sync/synctest"
)

// startLoop starts smd-loop on the laptop.
func (l *laptop) startLoop() *desktoptest.Process {
	l.t.Helper()
	cmd := exec.Command(filepath.Join(l.bin, "smd-loop"))
	cmd.Env = l.env
	return desktoptest.Launch(l.t, cmd)
}

func signal(t *testing.T, p *desktoptest.Process, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(p.Pid(), s); err != nil {
		t.Fatal(err)
	}
}

// ends waits for the loop's end after a SIGTERM, which is to come within two
// seconds; a machine that has ten other things to do gets some more.
func (l *laptop) ends(loop *desktoptest.Process) {
	l.t.Helper()
	began := time.Now()
	signal(l.t, loop, syscall.SIGTERM)
	select {
	case <-loop.Ended():
	case <-time.After(desktoptest.Patience):
		l.t.Fatal("it did not end")
	}
	// Two seconds is what it gives itself; a busy machine takes longer over as much.
	// What it must not wait for takes a minute and more.
	if took := time.Since(began); took > 20*time.Second {
		l.t.Errorf("it took %v", took)
	} else {
		l.t.Logf("it took %v", took)
	}
	if !l.isFree() {
		l.t.Error("its lock is not free")
	}
}

// SIGTERM ends the loop within two seconds, whatever it is at; nothing is lost, and
// the next run goes on.
func TestLoopIsEnded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		messages int
		prepare  func(l *laptop)
		when     func(l *laptop) bool
	}{
		"early in a first sync": {
			4000,
			func(*laptop) {},
			func(l *laptop) bool { return count(l.local) > 0 },
		},
		"late in a first sync": {
			4000,
			func(*laptop) {},
			func(l *laptop) bool { return count(l.local) > 2000 },
		},
		"in a hook before the run": {
			5,
			func(l *laptop) { l.program(".smd/hooks/pre-pull.d/hang", stubborn) },
			func(l *laptop) bool { return l.exists("started") },
		},
		"in a hook after it": {
			5,
			func(l *laptop) { l.program(".smd/hooks/post-pull.d/hang", stubborn) },
			func(l *laptop) bool { return l.exists("started") },
		},
		"in notmuch": {
			5,
			func(l *laptop) {
				l.program("bin/notmuch", stubborn)
				l.env = append(l.env, "PATH="+filepath.Join(l.home, "bin")+":"+l.path)
				l.configure("SERVERNAME=mailhost\nCLIENTNAME=laptop-test\nMAILBOX=Mail\nNOTMUCH=new\n")
			},
			func(l *laptop) bool { return l.exists("started") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLaptop(t)
			if _, err := synctest.Generate(l.there.Root, synctest.Options{Seed: 11, Messages: c.messages, Folders: 5, Tiny: true}); err != nil {
				t.Fatal(err)
			}
			l.every("60")
			c.prepare(l)
			loop := l.startLoop()
			desktoptest.Until(t, "the moment", func() bool { return c.when(l) })
			l.ends(loop)
			if pid, err := os.ReadFile(filepath.Join(l.home, "started")); err == nil {
				n, err := strconv.Atoi(strings.TrimSpace(string(pid)))
				if err != nil || syscall.Kill(n, 0) == nil {
					t.Errorf("process %s still runs, %v", pid, err)
				}
			}
			// What was at fault is gone.
			for _, f := range []string{".smd/hooks", "started"} {
				if err := os.RemoveAll(filepath.Join(l.home, f)); err != nil {
					t.Fatal(err)
				}
			}
			l.program("bin/notmuch", "echo $$ >started")
			l.sync()
			l.equal()
			if got := count(l.local); got != c.messages {
				t.Errorf("there are %d messages", got)
			}
			if configured := strings.Contains(l.configuration(), "NOTMUCH"); configured != l.exists("started") {
				t.Errorf("notmuch was run again: %t", !configured)
			}
		})
	}
}

// stubborn is a program that does not end when it is asked to.
const stubborn = "trap '' TERM INT\necho $$ >started\nwhile :; do sleep 1000; done"

// program puts a shell script into the home. The shell writes it, so that no other
// test forks while it is open here.
func (l *laptop) program(name, script string) {
	l.t.Helper()
	path := filepath.Join(l.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		l.t.Fatal(err)
	}
	write := exec.Command("/bin/sh", "-c", `printf '#!/bin/sh\n%s\n' "$2" >"$1" && chmod 755 "$1"`, "sh", path, script)
	if out, err := write.CombinedOutput(); err != nil {
		l.t.Fatalf("%v: %s", err, out)
	}
}

func (l *laptop) exists(name string) bool {
	st, err := os.Stat(filepath.Join(l.home, name))
	return err == nil && st.Size() > 0
}

func (l *laptop) configuration() string {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.home, ".smd", "config.default"))
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}

// SIGTERM ends the loop also where the other end says nothing any more.
func TestLoopIsEndedOnADeadLine(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	if _, err := synctest.Generate(l.there.Root, synctest.Options{Seed: 12, Messages: 2000, Folders: 5, Tiny: true}); err != nil {
		t.Fatal(err)
	}
	proxy := synctest.StartProxy(t, l.sshd.Addr)
	l.sshd.WriteClientHomeVia(t, l.home, "faraway", proxy.Addr)
	l.configure("SERVERNAME=faraway\nCLIENTNAME=laptop-test\nMAILBOX=Mail\n")
	l.every("60")
	loop := l.startLoop()
	desktoptest.Until(t, "some messages", func() bool { return count(l.local) > 0 })
	proxy.Stall()
	l.ends(loop)
	proxy.Restore()
	l.sync()
	l.equal()
}

// SIGUSR2 pauses and resumes, and SIGHUP reads again what no watch sees changing.
func TestLoopObeysSignals(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	// The file that lists the endpoints is elsewhere.
	list := filepath.Join(l.home, "endpoints")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(list, "60 60 default\n")
	if err := os.MkdirAll(filepath.Join(l.server, "Second"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(l.home, ".smd", "config.second"), "SERVERNAME=mailhost\nCLIENTNAME=laptop-second\nMAILBOX=Second\n")
	if err := os.Symlink(list, filepath.Join(l.home, ".smd", "loop")); err != nil {
		t.Fatal(err)
	}
	loop := l.startLoop()
	is := func(paused bool) func() bool {
		return func() bool {
			reply, err := control.Ask(t.Context(), l.home, control.Request{Do: control.Tell})
			if err != nil || len(reply.Status.Endpoints) == 0 {
				return false
			}
			e := reply.Status.Endpoints[0]
			return e.Paused == paused && e.Phase == sync.PhaseIdle && !e.LastSuccess.IsZero()
		}
	}
	desktoptest.Until(t, "the sync at its start", is(false))
	deliver(t, l.there)
	signal(t, loop, syscall.SIGUSR1)
	desktoptest.Until(t, "a pull", func() bool { return count(l.local) == 1 })

	signal(t, loop, syscall.SIGUSR2)
	desktoptest.Until(t, "the pause", is(true))
	deliver(t, l.local)
	for range 3 { // what would take a push by itself, three times
		if out, err := l.run("smd-pull"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if n := count(l.there); n != 1 {
		t.Errorf("while it is paused there are %d messages at the server", n)
	}
	signal(t, loop, syscall.SIGUSR2)
	desktoptest.Until(t, "the push afterwards", func() bool { return count(l.there) == 2 })

	second := synctest.OpenMailbox(filepath.Join(l.server, "Second"), "second")
	deliver(t, second)
	// Reading it again starts what is new.
	write(list, "60 60 default\n60 60 second\n")
	signal(t, loop, syscall.SIGHUP)
	desktoptest.Until(t, "the second endpoint's pull", func() bool {
		return count(synctest.OpenMailbox(filepath.Join(l.home, "Second"), "second")) == 1
	})
	l.ends(loop)
}
