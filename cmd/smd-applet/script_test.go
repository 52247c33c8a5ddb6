package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	stdsync "sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"smd-applet/desktoptest"
	"smd-applet/sync/synctest"
)

// TestScripts runs testdata/script: the command line as a person types it. Each
// script is at home, beside the home of a server that the command sshd starts.
func TestScripts(t *testing.T) {
	t.Parallel()
	bin := synctest.BuildBinary(t)
	testscript.Run(t, scripts(t, "script", bin))
}

// TestStock runs testdata/stock: scripts in which the other end is stock SMD,
// acted by a [player]. Nothing of ours is at the server.
func TestStock(t *testing.T) {
	t.Parallel()
	xdelta3(t)
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	bin := synctest.BuildBinary(t)
	p := scripts(t, "stock", bin)
	home := p.Setup
	p.Setup = func(env *testscript.Env) error {
		stock := filepath.Join(env.WorkDir, "usr", "bin")
		env.Setenv("STOCK", stock)
		err := errors.Join(home(env), os.MkdirAll(stock, 0o700))
		for _, name := range []string{"smd-pull", "smd-push", "smd-loop"} {
			err = errors.Join(err, os.Symlink(filepath.Join(bin, "smd-applet"), filepath.Join(stock, name)))
		}
		return err
	}
	p.Cmds["sshd"] = scriptSSHD(t)
	p.Cmds["stock"] = scriptStock(self)
	p.Cmds["played"] = scriptPlayed
	p.Cmds["play"] = scriptPlay(bin)
	p.Cmds["state"] = scriptState
	testscript.Run(t, p)
}

// scripts are the parameters of the scripts in a directory of testdata, with
// the programs in bin at both ends.
func scripts(t *testing.T, dir, bin string) testscript.Params {
	t.Helper()
	return testscript.Params{
		Dir: filepath.Join("testdata", dir),
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			env.Cd = home
			env.Setenv("HOME", home)
			env.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "disabled:")
			env.Setenv("PATH", bin+":"+os.Getenv("PATH"))
			return errors.Join(os.MkdirAll(filepath.Join(home, ".smd"), 0o700), os.MkdirAll(filepath.Join(env.WorkDir, "server", "Mail"), 0o700))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sshd": scriptSSHD(t, bin), "generate": scriptGenerate, "deliver": scriptDeliver, "same": scriptSame,
			"tmpfs": scriptTmpfs, "running": scriptRunning(t), "status": scriptStatus, "lasts": scriptLasts,
		},
		Condition: func(name string) (bool, error) {
			if name == "tmpfs" {
				return canMount(), nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
	}
}

// usage ends a script that uses a command wrongly.
func usage(ts *testscript.TestScript, ok bool, how string) {
	if !ok {
		ts.Fatalf("usage: %s", how)
	}
}

// scriptSSHD starts a server, with programs first in its $PATH, and makes it
// known: sshd alias.
func scriptSSHD(t *testing.T, path ...string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		usage(ts, !neg && len(args) == 1, "sshd alias")
		s := synctest.StartSSHD(t, synctest.SSHDOptions{ServerHome: filepath.Join(ts.Getenv("WORK"), "server"), PathPrepend: path, OwnKeys: true})
		s.WriteClientHome(t, ts.Getenv("HOME"), args[0])
	}
}

// scriptGenerate makes a mailbox of 60 messages: generate mailbox.
func scriptGenerate(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "generate mailbox")
	_, err := synctest.Generate(ts.MkAbs(args[0]), synctest.Options{Seed: 3, Messages: 60, Folders: 4})
	ts.Check(err)
}

// scriptDeliver brings a new message: deliver mailbox folder.
func scriptDeliver(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "deliver mailbox folder")
	_, err := synctest.OpenMailbox(ts.MkAbs(args[0]), "scripted").Deliver(args[1])
	ts.Check(err)
}

// scriptSame compares two mailboxes: [!] same mailbox mailbox.
func scriptSame(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 2, "same mailbox mailbox")
	a, err := synctest.TakeCensus(ts.MkAbs(args[0]))
	ts.Check(err)
	b, err := synctest.TakeCensus(ts.MkAbs(args[1]))
	ts.Check(err)
	if d := synctest.DiffNames(a, b); (d == "") == neg {
		ts.Fatalf("the mailboxes differ: %t\n%s", d != "", d)
	}
}

// scriptTmpfs makes a folder a file system of its own, of a size: tmpfs folder size.
func scriptTmpfs(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "tmpfs folder size")
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(exec.Command("mount", "-t", "tmpfs", "-o", "size="+args[1], "tmpfs", dir).Run())
	ts.Defer(func() { ts.Check(exec.Command("umount", dir).Run()) })
}

// scriptRunning waits until the applet or loop in the background answers: running.
func scriptRunning(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		usage(ts, !neg && len(args) == 0, "running")
		desktoptest.Until(t, "the program in the background answers", func() bool { return ts.Exec("smd-applet", "status") == nil })
	}
}

// scriptStatus runs a command that ends with an exit status: status 3 command...
func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 1, "status number command...")
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = strconv.Itoa(exit.ExitCode())
	}
	if got != args[0] {
		ts.Fatalf("it ended with status %s, want %s", got, args[0])
	}
}

// scriptLasts runs a command that must not end before a time: lasts 1s command...
func scriptLasts(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 1, "lasts duration command...")
	least, err := time.ParseDuration(args[0])
	ts.Check(err)
	began := time.Now()
	ts.Check(ts.Exec(args[1], args[2:]...))
	if took := time.Since(began); took < least {
		ts.Fatalf("it ended after %s, want no sooner than %s", took, least)
	}
}

// canMount reports whether we may mount, which takes root with all its powers.
var canMount = stdsync.OnceValue(func() bool {
	dir, err := os.MkdirTemp("", "mount")
	if err != nil {
		return false
	}
	defer os.Remove(dir)
	return exec.Command("mount", "-t", "tmpfs", "tmpfs", dir).Run() == nil && exec.Command("umount", dir).Run() == nil
})
