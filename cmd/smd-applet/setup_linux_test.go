package main_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/desktoptest"
	"smd-applet/sync/synctest"
)

// newcomer is somebody who has a server with mail and nothing of ours on it.
type newcomer struct {
	t                 *testing.T
	bin, home, server string
	env               []string
	sshd              *synctest.SSHD
	here, there       *synctest.Mailbox
}

func newNewcomer(t *testing.T) *newcomer {
	t.Helper()
	n := &newcomer{t: t, bin: synctest.BuildBinary(t), home: t.TempDir(), server: t.TempDir()}
	n.sshd = synctest.StartSSHD(t, synctest.SSHDOptions{ServerHome: n.server, OwnKeys: true})
	n.sshd.WriteClientHome(t, n.home, "mailhost")
	n.env = append(os.Environ(), "HOME="+n.home, "DBUS_SYSTEM_BUS_ADDRESS=disabled:", "DBUS_SESSION_BUS_ADDRESS=disabled:", "XDG_RUNTIME_DIR=", "XDG_CONFIG_HOME=")
	n.here = synctest.OpenMailbox(filepath.Join(n.home, "Maildir"), "laptop")
	n.there = synctest.OpenMailbox(filepath.Join(n.server, "Maildir"), "server")
	if _, err := synctest.Generate(n.there.Root, synctest.Options{Seed: 9, Messages: 40, Folders: 3, Tiny: true}); err != nil {
		t.Fatal(err)
	}
	return n
}

// command is a program of ours. What the client is called by is nowhere to be
// found at the server, though that is the same machine.
func (n *newcomer) command(args ...string) *exec.Cmd {
	n.t.Helper()
	program, err := os.Open(filepath.Join(n.bin, "smd-applet"))
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = program.Close() })
	cmd := exec.Command(program.Name())
	const fd = 9 // a shell has none so high
	cmd.ExtraFiles = make([]*os.File, fd-2)
	cmd.ExtraFiles[fd-3] = program
	cmd.Args = append([]string{fmt.Sprintf("/proc/self/fd/%d", fd)}, args...)
	cmd.Env, cmd.Dir = n.env, n.home
	return cmd
}

// run runs a program of ours where nobody is asked.
func (n *newcomer) run(args ...string) (string, error) {
	out, err := n.command(args...).CombinedOutput()
	return string(out), err
}

// files are all that is in both homes.
func (n *newcomer) files() map[string]string {
	n.t.Helper()
	all := make(map[string]string)
	for _, home := range []string{n.home, n.server} {
		err := filepath.WalkDir(home, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			content := []byte(e.Type().String())
			if e.Type().IsRegular() {
				content, err = os.ReadFile(path)
			}
			all[path] = digestOf(content)
			return err
		})
		if err != nil {
			n.t.Fatal(err)
		}
	}
	return all
}

func (n *newcomer) same() {
	n.t.Helper()
	here, err := synctest.TakeCensus(n.here.Root)
	if err != nil {
		n.t.Fatal(err)
	}
	there, err := synctest.TakeCensus(n.there.Root)
	if err != nil {
		n.t.Fatal(err)
	}
	if d := synctest.DiffNames(there, here); d != "" {
		n.t.Errorf("both ends differ:\n%s", d)
	}
}

const (
	enter    = "\r"
	ctrlC    = "\x03"
	clearAll = "\x15" // what is proposed goes
)

// TestSetupAtATerminal: one command, from a server with nothing to a mailbox that
// is the same here, as somebody at a terminal gives the answers.
func TestSetupAtATerminal(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	term := atTerminal(t, n.command("setup"))
	for _, q := range []struct{ question, keys string }{
		{"Which server?", enter},
		{"Put smd-applet on the server? There is none yet.", enter},
		{"Which mailbox at the server?", enter},
		{"Which mailbox here?", enter},
		{"How are the folders called here?", enter},
		{"Every how many minutes", clearAll + "x" + enter},
		{"is no number of minutes", clearAll + "7" + enter},
		{"Make a key that may do nothing but sync?", "n"},
		{"Write this?", "y"},
		{"Make the first sync now?", "y"},
		{"Start the applet at login?", "n"},
	} {
		term.types(q.question, q.keys)
	}
	term.ends(0)
	said := plain(term.screen())
	for _, want := range []string{"checksum right", "mailhost: Maildir has", "checked at both ends: it fits together", "synced: both ends have the same"} {
		if !strings.Contains(said, plain(want)) {
			t.Errorf("it does not say %q:\n%s", want, drawing.ReplaceAllString(term.screen(), ""))
		}
	}
	n.same()
	for file, want := range map[string]string{".smd/config.default": "\nSERVERNAME=mailhost\n", ".smd/loop": "\n7 10 default\n"} {
		written, err := os.ReadFile(filepath.Join(n.home, file))
		if err != nil || !bytes.Contains(written, []byte(want)) {
			t.Errorf("%s: %v: no %q in\n%s", file, err, want, written)
		}
	}
	if out, err := exec.Command(filepath.Join(n.server, ".local/bin/smd-applet"), "version").CombinedOutput(); err != nil {
		t.Errorf("what was put on the server: %v: %s", err, out)
	}
	if _, err := os.Stat(filepath.Join(n.home, ".config/autostart")); err == nil {
		t.Error("it starts at login, though that was refused")
	}
}

// TestSetupBrokenOff: Ctrl-C at a question leaves everything as it was.
func TestSetupBrokenOff(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"Which server?", "Every how many minutes", "Write this?"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			n := newNewcomer(t)
			before := n.files()
			term := atTerminal(t, n.command("setup"))
			for _, q := range []struct{ question, keys string }{
				{"Which server?", enter},
				{"Put smd-applet on the server?", "n"},
				{"Which mailbox at the server?", enter},
				{"Which mailbox here?", enter},
				{"How are the folders called here?", enter},
				{"Every how many minutes", enter},
				{"Write this?", enter},
			} {
				if q.question == at {
					q.keys = ctrlC
				}
				term.types(q.question, q.keys)
				if q.question == at {
					break
				}
			}
			term.ends(1)
			if !strings.Contains(plain(term.screen()), plain("broken off; nothing more was changed")) {
				t.Errorf("it says\n%s", drawing.ReplaceAllString(term.screen(), ""))
			}
			after := n.files()
			for path, is := range after {
				if was, ok := before[path]; !ok || was != is {
					t.Errorf("%s has changed, or come to be", path)
				}
			}
			if len(after) != len(before) {
				t.Errorf("there are %d files and folders, were %d", len(after), len(before))
			}
		})
	}
}

// configured is somebody who wrote the configuration by hand.
func (n *newcomer) configured() {
	n.t.Helper()
	writeFile(n.t, filepath.Join(n.home, ".smd", "config.default"), "SERVERNAME=mailhost\nCLIENTNAME=laptop\nMAILBOX=Maildir\n")
	writeFile(n.t, filepath.Join(n.home, ".smd", "loop"), "3 10 default\n")
}

// older has a program of an earlier version at the server: it speaks smd 1.3 and
// nothing else.
func (n *newcomer) older() {
	n.t.Helper()
	at := filepath.Join(n.server, ".local", "bin", "smd-applet")
	writeFile(n.t, at, "#!/bin/sh\ncase $1 in version) echo smd-applet 0.0.1;; server|client) exec "+n.bin+"/smd-applet \"$@\";; *) exit 2;; esac\n")
	run(n.t, "chmod", "755", at)
}

// TestProgramIsOffered: what needs the program at the server names the command that
// puts it there, and at a terminal offers to do it, and goes on.
func TestProgramIsOffered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, command string
		older         bool
		status        int
	}{
		{"first copy", "clone", false, 0},
		{"sync", "sync", false, 0},
		{"census with an older one", "census --compare default", true, needsAPerson},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newNewcomer(t)
			n.configured()
			if c.older {
				n.older()
			}
			run(t, "mkdir", "-p", n.here.Path("cur"), n.here.Path("new"), n.here.Path("tmp"))
			words := strings.Fields(c.command)
			before := n.files()
			out, err := n.run(words...)
			if err == nil || !strings.Contains(out, "smd-applet deploy mailhost") {
				t.Fatalf("with nobody at a terminal: %v: %s", err, out)
			}
			for path := range n.files() {
				if _, ok := before[path]; !ok && strings.HasPrefix(path, n.server) {
					t.Errorf("with nobody at a terminal %s has come to be", path)
				}
			}
			term := atTerminal(t, n.command(words...))
			term.types("Put this smd-applet on mailhost now?", enter)
			term.ends(c.status)
			if c.status == 0 {
				n.same()
			}
		})
	}
}

// TestCloneWithAnOlderProgram: it copies all the same, and says what is missing.
func TestCloneWithAnOlderProgram(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	n.configured()
	n.older()
	out, err := n.run("clone")
	if err != nil || !strings.Contains(out, "up to date: here are 40 messages") || !strings.Contains(out, "smd-applet deploy mailhost") {
		t.Fatalf("%v: %s", err, out)
	}
	n.same()
}

// TestProgramIsRefused: whoever says no has the failure, and nothing is changed.
func TestProgramIsRefused(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	n.configured()
	term := atTerminal(t, n.command("clone"))
	term.types("Put this smd-applet on mailhost now?", "n")
	term.ends(1)
	if _, err := os.Stat(filepath.Join(n.server, ".local")); err == nil {
		t.Error("it was put there")
	}
}

// TestSetupRenewsAnOlderProgram: with an option in place of every answer.
func TestSetupRenewsAnOlderProgram(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	n.older()
	out, err := n.run("setup", "--server", "mailhost", "--yes", "--sync")
	if err != nil || !strings.Contains(out, "was smd-applet 0.0.1") || !strings.Contains(out, "checksum right") {
		t.Fatalf("%v: %s", err, out)
	}
	n.same()
}

// TestLoopOffersTheProgram: what popups and the menu offer has the command that puts
// the program there.
func TestLoopOffersTheProgram(t *testing.T) {
	t.Parallel()
	n := newNewcomer(t)
	n.configured()
	loop := desktoptest.Launch(t, n.command("loop"))
	desktoptest.Until(t, "the loop offers to put the program there", func() bool {
		out, _ := n.run("status", "--json") // the status says that something needs a person
		return strings.Contains(out, `{"kind":"run","arg":"smd-applet deploy mailhost"}`)
	})
	loop.Stop()
}
