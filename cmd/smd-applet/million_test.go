//go:build linux

package main_test

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"smd-applet/desktoptest"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
	"smd-applet/sync/synctest"
)

// TestMillion runs where SMD_APPLET_MESSAGES says with how many messages, for a long
// time: a first sync, then nothing to do, then one message, then the change over from
// SMD's state need less than 300 MB at each end, and a resident sync with nothing to do
// costs what it costs with few messages.
func TestMillion(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("SMD_APPLET_MESSAGES"))
	if err != nil {
		t.Skip("SMD_APPLET_MESSAGES=1000000 runs it")
	}
	bin := synctest.BuildBinary(t)
	l := newLaptop(t)
	if _, err := synctest.Generate(l.there.Root, synctest.Options{Seed: 11, Messages: n, Folders: 60, Tiny: true}); err != nil {
		t.Fatal(err)
	}
	pull := func(what string) {
		t.Helper()
		here, client := witness(t, bin)
		there, server := witness(t, bin)
		l.configure("SERVERNAME=mailhost\nCLIENTNAME=laptop-test\nMAILBOX=Mail\nPROTOCOL=2\nREMOTE_PROGRAM=" + there + "\n")
		cmd := exec.Command(here, "pull")
		cmd.Env = l.env
		began := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("%s: %v: %s", what, err, out)
		}
		t.Logf("%s: %s; peak memory %d MB here, %d MB at the server", what, time.Since(began).Round(time.Second/100), client()/megabyte, server()/megabyte)
		for end, peak := range map[string]int64{"client": client(), "server": server()} {
			if peak > 300*megabyte {
				t.Errorf("%s: the %s needed %d MB", what, end, peak/megabyte)
			}
		}
		if here, there := count(l.local), count(l.there); here != there {
			t.Fatalf("%s: %d messages here, %d at the server", what, here, there)
		}
	}
	pull(fmt.Sprintf("first sync of %d messages", n))
	pull("nothing to do")
	deliver(t, l.there)
	pull("one message")
	restingLoop(t, l)

	state := smdState(t, l.home, l.local)
	for _, home := range []string{l.home, l.server} {
		old, err := filepath.Glob(filepath.Join(home, ".smd", "*.agreed"))
		if err != nil || len(old) != 1 {
			t.Fatalf("states of smd/2: %q, %v", old, err)
		}
		db := filepath.Join(home, ".smd", "laptop-test__Mail.db.txt")
		for file, content := range map[string][]byte{db: state, db + ".mtime": fmt.Appendln(nil, time.Now().Unix()+1)} {
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Remove(old[0]); err != nil {
			t.Fatal(err)
		}
	}
	pull("the change over from SMD's state")
	deliver(t, l.there)
	pull("one message after it")
	pull("nothing to do after it")
}

// restingLoop has a running loop sync where nothing changed: that takes one round trip,
// and of both ends together little time, however many messages there are.
func restingLoop(t *testing.T, l *laptop) {
	t.Helper()
	const syncs, limit = 200, 10 * time.Millisecond
	line := synctest.StartProxy(t, l.sshd.Addr)
	l.sshd.WriteClientHomeVia(t, l.home, "mailfar", line.Addr)
	dir := t.TempDir()
	program, note := filepath.Join(dir, "smd-applet"), filepath.Join(dir, "pid")
	script := fmt.Sprintf("#!/bin/sh\necho $$ >'%s'\nexec '%s/smd-applet' \"$@\"\n", note, l.bin)
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	l.configure("SERVERNAME=mailfar\nCLIENTNAME=laptop-test\nMAILBOX=Mail\nPROTOCOL=2\nREMOTE_PROGRAM=" + program + "\n")
	l.every("60")
	cmd := exec.Command(filepath.Join(l.bin, "smd-loop"))
	cmd.Env = l.env
	loop := desktoptest.Launch(t, cmd)
	sync := func() {
		t.Helper()
		if out, err := l.run("smd-applet", "sync"); err != nil {
			t.Fatalf("sync: %v: %s", err, out)
		}
	}
	desktoptest.Until(t, "the loop runs", func() bool { _, err := l.run("smd-applet", "status"); return err == nil })
	for range 3 { // the first may join the run the loop begins with
		sync()
	}
	text, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	agent, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	used, turns := ticks(t, loop.Pid())+ticks(t, agent), line.Turns()
	for range syncs {
		sync()
	}
	used, turns = ticks(t, loop.Pid())+ticks(t, agent)-used, line.Turns()-turns
	each := time.Duration(used) * (time.Second / 100) / syncs
	t.Logf("nothing to do, resident: %s of processor time at both ends together, %.2f round trips; memory %d MB here, %d MB at the server",
		each, float64(turns)/syncs, status(t, loop.Pid(), "VmRSS")/megabyte, status(t, agent, "VmRSS")/megabyte)
	if each > limit || turns > syncs {
		t.Errorf("nothing to do, resident: %s and %d round trips for %d syncs, want at most %s each and %d", each, turns, syncs, limit, syncs)
	}
	loop.Stop()
	desktoptest.Until(t, "the agent has ended", func() bool { return syscall.Kill(agent, 0) != nil })
}

// smdState is a db-file of a mailbox, in no order.
func smdState(t *testing.T, home string, box *synctest.Mailbox) []byte {
	t.Helper()
	all, err := box.Messages("")
	if err != nil {
		t.Fatal(err)
	}
	var state bytes.Buffer
	w := bufio.NewWriter(&state)
	const stride = 7919 // a prime
	for i := range all {
		path := box.Path(all[i*stride%len(all)])
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(home, path)
		if err != nil {
			t.Fatal(err)
		}
		header, body, _ := bytes.Cut(content, []byte("\n\n"))
		e := index.Entry{Name: name, Sum: maildir.Sum{Header: sha1.Sum(append(header, "\n\n"...)), Body: sha1.Sum(body)}}
		if _, err := w.Write(e.AppendLine(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return state.Bytes()
}
