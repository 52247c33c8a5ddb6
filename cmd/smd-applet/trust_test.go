package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A server that is not known yet stops the sync, until a person has said yes.
func TestTrustThenSync(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	deliver(t, l.there)
	known := filepath.Join(l.home, ".ssh", "known_hosts")
	if err := os.WriteFile(known, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	trust := func(answer string) (string, error) {
		cmd := exec.Command(filepath.Join(l.bin, "smd-applet"), "trust", "mailhost")
		cmd.Env, cmd.Stdin = l.env, strings.NewReader(answer)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	want := func(out string, err error, fails bool, words string) {
		t.Helper()
		if (err != nil) != fails || !strings.Contains(out, words) {
			t.Errorf("%v: %s\nwant %q", err, out, words)
		}
	}
	out, err := l.run("smd-pull")
	want(out, err, true, "smd-applet trust mailhost")
	for _, answer := range []string{"no\n", "y\n", ""} {
		out, err = trust(answer)
		want(out, err, true, "nothing was changed")
	}
	out, err = l.run("smd-pull")
	want(out, err, true, "smd-applet trust mailhost")
	out, err = trust("yes\n")
	want(out, err, false, "trusted from now on")
	l.sync()
	l.equal()
	out, err = trust("")
	want(out, err, false, "trusted already")
}
