//go:build linux

package main_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"smd-applet/desktoptest"
	"smd-applet/sync/synctest"
)

const megabyte = 1 << 20

// witness makes a program that is the real one and tells its peak memory.
func witness(t *testing.T, bin string) (program string, peak func() int64) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "peak")
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nGORACE=atexit_sleep_ms=0 %s='%s/smd-applet' %s='%s' exec '%s' \"$@\"\n", asWitness, bin, witnessFile, file, self)
	program = filepath.Join(dir, "smd-applet")
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return program, func() int64 {
		var text []byte
		desktoptest.Until(t, "the program has ended", func() bool {
			var err error
			text, err = os.ReadFile(file)
			return err == nil && len(text) > 0
		})
		bytes, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return bytes
	}
}

// status returns a number of /proc/pid/status, in bytes.
func status(t *testing.T, pid int, field string) int64 {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if words := strings.Fields(s.Text()); words[0] == field+":" {
			kb, err := strconv.ParseInt(words[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatalf("no %s of process %d", field, pid)
	return 0
}

// ticks is the processor time a process has had, in hundredths of a second
// (proc(5): fields 14 and 15, behind the name in parentheses).
func ticks(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	total := 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	return total
}

// What 100,000 messages cost: less than 100 MB at each end for the first sync,
// and an applet beside them that is hardly there.
func TestFootprint(t *testing.T) {
	if testing.Short() {
		t.Skip("100,000 messages take a while")
	}
	t.Parallel()
	bin := synctest.BuildBinary(t)
	here, client := witness(t, bin)
	there, server := witness(t, bin)
	l := newLaptop(t)
	l.configure("SERVERNAME=mailhost\nCLIENTNAME=laptop-test\nMAILBOX=Mail\nREMOTE_PROGRAM=" + there + "\n")
	if _, err := synctest.Generate(l.there.Root, synctest.Options{Seed: 11, Messages: 100_000, Folders: 60, Tiny: true}); err != nil {
		t.Fatal(err)
	}

	pull := exec.Command(here, "pull")
	pull.Env = l.env
	began := time.Now()
	if out, err := pull.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("smd-pull: %v: %s", err, out)
	}
	t.Logf("first sync of 100,000 messages: %s; peak memory %d MB here, %d MB at the server",
		time.Since(began).Round(time.Second/10), client()/megabyte, server()/megabyte)
	for end, peak := range map[string]int64{"client": client(), "server": server()} {
		if peak > 100*megabyte {
			t.Errorf("the %s needed %d MB", end, peak/megabyte)
		}
	}
	l.equal()

	l.every("60")
	bus := desktoptest.StartBus(t)
	desktoptest.StartWatcher(t, bus)
	cmd := exec.Command(filepath.Join(bin, "smd-applet"))
	cmd.Env = append(l.env, "DBUS_SESSION_BUS_ADDRESS="+bus.Address)
	applet := desktoptest.Launch(t, cmd)
	item := bus.Item(t, applet.Pid())
	item.WaitExported()
	desktoptest.Until(t, "the first sync", func() bool { return strings.HasPrefix(item.Labels()[1], "default: synced") })

	const watched = 20 * time.Second
	before := ticks(t, applet.Pid())
	<-time.After(watched) // not a wait for something: idleness is what is measured
	used := ticks(t, applet.Pid()) - before
	memory := status(t, applet.Pid(), "VmRSS")
	t.Logf("idle applet: %d MB (peak %d MB), %d ms of processor time in %s",
		memory/megabyte, status(t, applet.Pid(), "VmHWM")/megabyte, used*10, watched)
	if memory > 60*megabyte {
		t.Errorf("the idle applet has %d MB", memory/megabyte)
	}
	if limit := int(watched / time.Second / 10); used > limit { // 0.1 % in hundredths of a second
		t.Errorf("the idle applet used %d ms in %s", used*10, watched)
	}
}
