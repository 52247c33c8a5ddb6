package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/sync/synctest"
)

// laptop is a home with a configured endpoint, and a server behind a real sshd.
type laptop struct {
	t            *testing.T
	home, server string
	env          []string
	bin, path    string
	sshd         *synctest.SSHD
	local, there *synctest.Mailbox
}

func newLaptop(t *testing.T) *laptop {
	t.Helper()
	l := &laptop{t: t, home: t.TempDir(), server: t.TempDir(), bin: synctest.BuildBinary(t)}
	l.sshd = synctest.StartSSHD(t, synctest.SSHDOptions{ServerHome: l.server, PathPrepend: []string{l.bin}})
	l.sshd.WriteClientHome(t, l.home, "mailhost")
	l.path = l.bin + ":" + os.Getenv("PATH")
	// The network of the machine under the test is nothing to it.
	l.env = append(os.Environ(), "HOME="+l.home, "PATH="+l.path, "DBUS_SYSTEM_BUS_ADDRESS=disabled:")
	for _, dir := range []string{filepath.Join(l.home, ".smd"), filepath.Join(l.server, "Mail")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	l.configure("SERVERNAME=mailhost\nCLIENTNAME=laptop-test\nMAILBOX=Mail\n")
	l.local = synctest.OpenMailbox(filepath.Join(l.home, "Mail"), "laptop")
	l.there = synctest.OpenMailbox(filepath.Join(l.server, "Mail"), "server")
	return l
}

func (l *laptop) configure(text string) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.home, ".smd", "config.default"), []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// run runs a program of ours and returns what it printed.
func (l *laptop) run(name string, args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(l.bin, name), args...)
	cmd.Env = l.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// sync pulls and pushes, silently, as success must be.
func (l *laptop) sync() {
	l.t.Helper()
	for _, name := range []string{"smd-pull", "smd-push"} {
		if out, err := l.run(name); err != nil || out != "" {
			l.t.Fatalf("%s: %v: %s", name, err, out)
		}
	}
}

func (l *laptop) equal() {
	l.t.Helper()
	here, err := synctest.TakeCensus(l.local.Root)
	if err != nil {
		l.t.Fatal(err)
	}
	there, err := synctest.TakeCensus(l.there.Root)
	if err != nil {
		l.t.Fatal(err)
	}
	if d := synctest.DiffNames(there, here); d != "" {
		l.t.Fatalf("server and laptop differ:\n%s", d)
	}
}

// The main job over a real sshd: a first sync, then every kind of change on both
// sides.
func TestSyncOverSSH(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	if _, err := synctest.Generate(l.there.Root, synctest.Options{Seed: 7, Messages: 20000, Folders: 60, Tiny: true}); err != nil {
		t.Fatal(err)
	}
	l.sync()
	l.equal()
	for round := range 3 {
		l.mutate(l.there, 40*round)
		l.mutate(l.local, 40*round+20)
		l.sync()
		l.equal()
	}
	out, err := l.run("smd-pull", "-d")
	if err != nil || !strings.Contains(out, "0 new, 0 deleted, 0 moved, 0 flagged, 0 edited") {
		t.Errorf("a dry run after it: %v: %s", err, out)
	}
}

// mutate makes each kind of change to messages from a position on.
func (l *laptop) mutate(m *synctest.Mailbox, from int) {
	l.t.Helper()
	all, err := m.Messages("")
	if err != nil {
		l.t.Fatal(err)
	}
	must := func(_ string, err error) {
		l.t.Helper()
		if err != nil {
			l.t.Fatal(err)
		}
	}
	must(m.Deliver("."))
	must(m.Deliver(fmt.Sprintf(".fresh%d", from)))
	must(m.Flag(all[from], "FRS"))
	must(m.Move(all[from+1], ".moved"))
	must(m.Refile(all[from+2], ".moved"))
	must(m.Copy(all[from+3], ".copied"))
	must("", m.Delete(all[from+4]))
	must(m.EditHeader(all[from+5], "X-Label", "done"))
	must(m.EditBody(all[from+6], "edited\n"))
}
