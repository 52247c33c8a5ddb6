package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/sync/synctest"
)

// A server that has syncmaildir's programs only, at the place of the local ones:
// the folders there are listed by its mddiff, and what nothing there can tell is
// said to be not known.
func TestCheckConfOfStockServer(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	programs := t.TempDir() // the same path at both ends, as SMD wants it
	for _, name := range []string{"smd-server", "smd-client", "mddiff", "smd-check-conf"} {
		if err := os.Symlink(filepath.Join(l.bin, "smd-applet"), filepath.Join(programs, name)); err != nil {
			t.Fatal(err)
		}
	}
	l.sshd = synctest.StartSSHD(t, synctest.SSHDOptions{ServerHome: l.server})
	if err := os.RemoveAll(filepath.Join(l.home, ".ssh")); err != nil {
		t.Fatal(err)
	}
	l.sshd.WriteClientHome(t, l.home, "mailhost")
	for _, folder := range []string{".", ".Sent"} {
		if _, err := l.there.Deliver(folder); err != nil {
			t.Fatal(err)
		}
	}
	check := func(wantOK bool, wants ...string) {
		t.Helper()
		cmd := exec.Command(filepath.Join(programs, "smd-check-conf"))
		cmd.Env = l.env
		out, err := cmd.CombinedOutput()
		if (err == nil) != wantOK {
			t.Errorf("%v", err)
		}
		for _, want := range wants {
			if !strings.Contains(string(out), want) {
				t.Errorf("no %q in:\n%s", want, out)
			}
		}
	}
	const config = "SERVERNAME=mailhost\nCLIENTNAME=laptop\nMAILBOX=Mail\n"
	l.configure(config + "EXCLUDE_REMOTE='Mail/.notmuch/* Mail/.S*'\n")
	check(true,
		"ok       "+filepath.Join(programs, "smd-server")+" speaks smd 1.3",
		"note     there is no smd-applet that answers: its clock and the room on its disk are not known",
		"ok       Mail: 2 folders at the server", "ok       Mail -> Mail -> Mail",
		"note     EXCLUDE_REMOTE Mail/.notmuch/* matches no folder of messages at the server",
		"ok       EXCLUDE_REMOTE Mail/.S*: 1 folder at the server", "all is well")
	l.configure(config + "SUBSCRIBED_ONLY=true\n")
	check(false, "speaks smd 1.3", "Mail/.Sent -> Mail/.Sent", "error    SUBSCRIBED_ONLY needs smd-applet on the server", "errors: 1, warnings: 0")

	// Without its mddiff the folders are not known.
	if err := os.Remove(filepath.Join(programs, "mddiff")); err != nil {
		t.Fatal(err)
	}
	l.configure(config)
	check(true, "speaks smd 1.3", "note     the folders at the server are not known: ", "all is well")

	// Without its server there is nothing to start.
	if err := os.Remove(filepath.Join(programs, "smd-server")); err != nil {
		t.Fatal(err)
	}
	check(false, "error    start ", "fix: put it there: smd-applet deploy ", "errors: 1, warnings: 0")
}
