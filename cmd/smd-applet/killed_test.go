package main_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"smd-applet/desktoptest"
	"smd-applet/sync/synctest"
)

// Either end may be killed at any moment, again and again: nothing is lost or
// doubled, and the next runs make both sides the same.
func TestKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, program string
		remote        bool // the other end is killed
	}{
		{"pulling client", "smd-pull", false},
		{"server of a pull", "smd-pull", true},
		{"pushing server", "smd-push", false},
		{"client of a push", "smd-push", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLaptop(t)
			from, to := l.there, l.local
			if c.program == "smd-push" {
				from, to = l.local, l.there
			}
			const messages = 1500
			want, err := synctest.Generate(from.Root, synctest.Options{Seed: 5, Messages: messages, Folders: 7, Tiny: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, share := range []int{1, messages / 10, messages / 3, messages * 4 / 5} {
				cmd := exec.Command(filepath.Join(l.bin, c.program))
				cmd.Env = l.env
				run := desktoptest.Launch(t, cmd)
				desktoptest.Until(t, "some messages, or the end", func() bool {
					select {
					case <-run.Ended():
						return true
					default:
						return count(to) >= share
					}
				})
				if c.remote {
					if err := l.sshd.KillCommands(); err != nil {
						t.Fatal(err)
					}
				} else if err := cmd.Process.Kill(); err != nil {
					t.Logf("it had ended: %v", err)
				}
				<-run.Ended()
			}
			l.sync()
			l.equal()
			got, err := synctest.TakeCensus(to.Root)
			if err != nil {
				t.Fatal(err)
			}
			if d := synctest.DiffNames(want, got); d != "" {
				t.Errorf("not what there was at first: %s", d)
			}
			if out, err := l.run("smd-pull", "-d"); err != nil {
				t.Errorf("afterwards: %v: %s", err, out)
			}
		})
	}
}
