//go:build unix

package synctest_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smd-applet/sync/synctest"
)

// login returns a command that runs what the arguments say on s, as a person's
// ssh would.
func login(t *testing.T, s *synctest.SSHD, addr string, args ...string) *exec.Cmd {
	t.Helper()
	home := t.TempDir()
	s.WriteClientHomeVia(t, home, "box", addr)
	if _, err := exec.LookPath("ssh"); err != nil {
		synctest.Missing(t, "ssh", "openssh-client")
	}
	return exec.Command("ssh", append([]string{"-F", filepath.Join(home, ".ssh", "config"), "box"}, args...)...)
}

func TestRemoteCommandSeesServerHome(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "server's home")
	bin := t.TempDir()
	program := "#!/bin/sh\nprintf '<%s>' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "show-args"), []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	s := synctest.StartSSHD(t, synctest.SSHDOptions{
		ServerHome: home, PathPrepend: []string{bin}, Env: map[string]string{"GREETING": "it's \"me\" $HOME"},
	})
	for name, c := range map[string]struct{ command, want string }{
		"home":        {`printf %s "$HOME"`, home},
		"directory":   {"pwd", home + "\n"},
		"path":        {`show-args 'a b' "c'd" 'e"f' '$HOME' '' \*`, `<a b><c'd><e"f><$HOME><><*>`},
		"environment": {`printf %s "$GREETING"`, `it's "me" $HOME`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := login(t, s, s.Addr, c.command).Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, s.Log())
			}
			if string(out) != c.want {
				t.Errorf("got %q, want %q", out, c.want)
			}
		})
	}
}

func TestRemoteStatusAndStreams(t *testing.T) {
	t.Parallel()
	s := synctest.StartSSHD(t, synctest.SSHDOptions{})
	cmd := login(t, s, s.Addr, "cat; echo grumble >&2; exit 7")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader("to and fro\x00\n"), &stderr
	out, err := cmd.Output()
	if cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("status: %v", err)
	}
	if string(out) != "to and fro\x00\n" || !strings.Contains(stderr.String(), "grumble") {
		t.Errorf("stdout %q, stderr %q", out, stderr.String())
	}
	if s.Logins() != 1 {
		t.Errorf("%d logins, want 1", s.Logins())
	}
}

// TestNothingSurvivesTheServer starts a remote command that ignores the end of
// its input and every polite signal, and ends the test that owns the server.
func TestNothingSurvivesTheServer(t *testing.T) {
	t.Parallel()
	var client *exec.Cmd
	var pid string
	t.Run("server", func(t *testing.T) {
		s := synctest.StartSSHD(t, synctest.SSHDOptions{})
		client = login(t, s, s.Addr, `trap "" HUP TERM PIPE; echo $$; while :; do read x || sleep 60; done`)
		out, err := client.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fscanln(out, &pid); err != nil {
			t.Fatal(err)
		}
		if !running(pid) {
			t.Fatal("the remote command is not running")
		}
	})
	if pid == "" {
		return // failed above
	}
	if err := client.Wait(); err == nil {
		t.Error("the client did not notice")
	}
	// It is killed by now; only the wait for the dead by its new parent may lag.
	eventually(t, func() bool { return !running(pid) })
}

// running reports whether the process exists and is not a mere zombie.
func running(pid string) bool {
	state, err := exec.Command("ps", "-o", "stat=", "-p", pid).Output()
	return err == nil && !strings.HasPrefix(string(state), "Z")
}

func TestDropConnections(t *testing.T) {
	t.Parallel()
	s := synctest.StartSSHD(t, synctest.SSHDOptions{})
	cmd := login(t, s, s.Addr, "echo ready; cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		t.Fatal(err)
	}
	s.DropConnections()
	if err := cmd.Wait(); err == nil {
		t.Error("the client did not notice")
	}
	if out, err := login(t, s, s.Addr, "echo again").Output(); err != nil || string(out) != "again\n" {
		t.Errorf("after the drop: %q, %v", out, err)
	}
}

// eventually waits for what no event tells of.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it never happened")
		}
	}
}
