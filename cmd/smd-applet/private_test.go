package main_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"smd-applet/control"
	"smd-applet/desktoptest"
)

// What we keep, and mail, is the user's alone at both ends, whatever the umask;
// and nothing of a configuration that is a secret is in a log, a status or on a
// screen, with all that can be told being told.
func TestPrivate(t *testing.T) {
	t.Parallel()
	const secret = "swordfish-4711"
	for _, protocol := range []string{"2", "1.3"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, t.TempDir(), protocol)
			for _, home := range s.homes { // they are made by us
				s.must(os.RemoveAll(filepath.Join(home, "Mail")))
			}
			s.must(os.MkdirAll(s.there.Root, 0o700))
			s.generate(s.there.Root, 10)
			text, err := os.ReadFile(filepath.Join(s.homes[here], ".smd/config.default"))
			s.must(err)
			s.put("here/.smd/config.default", "PASSWORD="+secret+"\nexport PASSWORD\nDEBUG=true\n"+string(text))
			s.put("here/.smd/loop", "60 60 default\n")
			said := ""
			umask := func(argv ...string) *exec.Cmd {
				argv[0] = filepath.Join(s.bin, argv[0])
				cmd := exec.Command("/bin/sh", append([]string{"-c", `umask 0; exec "$@"`, "sh"}, argv...)...)
				cmd.Env = append(s.env, "DBUS_SESSION_BUS_ADDRESS=disabled:", "PASSWORD="+secret)
				return cmd
			}
			for _, argv := range [][]string{{"smd-pull", "-v", "-s"}, {"smd-push", "-v", "-s"}, {"smd-pull", "-d", "-v"}, {"smd-check-conf", "-v"}, {"smd-check-conf", "--json"}} {
				out, err := umask(argv...).CombinedOutput()
				if err != nil && !strings.Contains(argv[0], "check-conf") {
					t.Errorf("%s: %v: %s", argv, err, out)
				}
				said += string(out)
			}
			loop := umask("smd-loop", "-v")
			out := filepath.Join(s.dir, "loop-said")
			file, err := os.Create(out)
			s.must(err)
			defer file.Close()
			loop.Stdout, loop.Stderr = file, file
			running := desktoptest.Launch(t, loop)
			desktoptest.Until(t, "the loop has synced", func() bool {
				reply, err := control.Ask(t.Context(), s.homes[here], control.Request{Do: control.Tell})
				return err == nil && len(reply.Status.Endpoints) == 1 && !reply.Status.Endpoints[0].LastSuccess.IsZero()
			})
			s.private()
			status, err := s.run("smd-applet", "status", "--json")
			s.must(err)
			s.must(loop.Process.Signal(syscall.SIGTERM))
			<-running.Ended()
			loopSaid, err := os.ReadFile(out)
			s.must(err)
			s.private()
			for where, text := range map[string]string{"what is said": said, "the status": status, "what the loop says": string(loopSaid)} {
				if strings.Contains(text, secret) {
					t.Errorf("a secret is in %s", where)
				}
			}
			for _, home := range s.homes {
				s.must(filepath.WalkDir(filepath.Join(home, ".smd"), func(path string, e fs.DirEntry, err error) error {
					if err != nil || !e.Type().IsRegular() || path == filepath.Join(home, ".smd/config.default") {
						return err
					}
					b, err := os.ReadFile(path)
					if strings.Contains(string(b), secret) {
						t.Errorf("a secret is in %s", path)
					}
					return err
				}))
			}
		})
	}
}

// private checks that nobody else may read or write what lies in the homes.
func (s *stage) private() {
	s.t.Helper()
	seen := 0
	for end, home := range s.homes {
		for _, dir := range []string{".smd", "Mail"} {
			if end == there && dir == "Mail" {
				continue // it was there before
			}
			s.must(filepath.WalkDir(filepath.Join(home, dir), func(path string, e fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				st, err := e.Info()
				if err != nil {
					return err
				}
				if seen++; st.Mode().Perm()&0o077 != 0 {
					s.t.Errorf("%s is %s", path, st.Mode())
				}
				return nil
			}))
		}
	}
	if seen < 20 {
		s.t.Errorf("only %d files and folders were looked at", seen)
	}
}
