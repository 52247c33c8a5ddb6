package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/desktoptest"
)

// With an encrypted key the loop fails quietly until a person asks it to sync, and
// then asks that person once.
func TestLoopAsksForThePassphraseOnce(t *testing.T) {
	t.Parallel()
	desktoptest.Needs(t, "ssh-keygen")
	l := newLaptop(t)
	l.every("60")
	key := filepath.Join(l.home, ".ssh", "id_mailhost")
	if out, err := exec.Command("ssh-keygen", "-p", "-P", "", "-N", "open sesame", "-a", "1", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	questions := filepath.Join(l.home, "questions")
	askpass := filepath.Join(l.home, "askpass")
	script := fmt.Sprintf("#!/bin/sh\necho \"$1\" >>%s\necho 'open sesame'\n", questions)
	if err := os.WriteFile(askpass, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	asked := func() int {
		text, _ := os.ReadFile(questions) // not there: never
		return strings.Count(string(text), "\n")
	}
	l.env = append(l.env, "SSH_ASKPASS="+askpass, "SSH_AUTH_SOCK=", "DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere", "XDG_RUNTIME_DIR=")
	deliver(t, l.there)
	cmd := exec.Command(filepath.Join(l.bin, "smd-loop"))
	cmd.Env = l.env
	desktoptest.Launch(t, cmd)
	desktoptest.Until(t, "the first sync fails", func() bool {
		out, _ := l.run("smd-applet", "problems")
		return strings.Contains(out, "passphrase")
	})
	if asked() != 0 {
		t.Error("it asked in the background")
	}
	for round := range 2 {
		if out, err := l.run("smd-applet", "sync"); err != nil || count(l.local) != round+1 {
			t.Errorf("a sync that is asked for: %v: %s", err, out)
		}
		deliver(t, l.there)
	}
	if n := asked(); n != 1 {
		t.Errorf("it asked %d times", n)
	}
	log, err := os.ReadFile(filepath.Join(l.home, ".smd", "log", "loop.log"))
	if err != nil || strings.Contains(string(log), "sesame") {
		t.Errorf("the log: %v: %s", err, log)
	}
}
