package main_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
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
				run := launchUntil(t, cmd, to, share)
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

// launchUntil starts a program and waits until a mailbox has so many messages, or the
// program has ended.
func launchUntil(t *testing.T, cmd *exec.Cmd, box *synctest.Mailbox, share int) *desktoptest.Process {
	t.Helper()
	run := desktoptest.Launch(t, cmd)
	desktoptest.Until(t, "some messages, or the end", func() bool {
		select {
		case <-run.Ended():
			return true
		default:
			return count(box) >= share
		}
	})
	return run
}

// A first copy that is killed goes on where it was: what had come is not sent
// again, and the proof at its end is that of all messages.
func TestCloneKilled(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	const messages = 1500
	want, err := synctest.Generate(l.there.Root, synctest.Options{Seed: 6, Messages: messages, Folders: 7, Tiny: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, share := range []int{1, messages / 5, messages / 2} {
		cmd := exec.Command(filepath.Join(l.bin, "smd-applet"), "clone")
		cmd.Env = l.env
		run := launchUntil(t, cmd, l.local, share)
		if err := cmd.Process.Kill(); err != nil {
			t.Logf("it had ended: %v", err)
		}
		<-run.Ended()
	}
	had := count(l.local)
	out, err := l.run("smd-applet", "clone")
	if err != nil || !strings.Contains(out, fmt.Sprintf("up to date: both ends have %d messages", messages)) || !strings.Contains(out, "the same message by message") {
		t.Fatalf("the last time: %v: %s", err, out)
	}
	if m := copiedMessages.FindStringSubmatch(out); m != nil {
		came, err := strconv.Atoi(m[1])
		// Those that were here and not yet agreed on are told by their content.
		if err != nil || came > messages-had {
			t.Errorf("%d came again, of %d that were not there: %s", came, messages-had, out)
		}
	}
	got, err := synctest.TakeCensus(l.local.Root)
	if err != nil {
		t.Fatal(err)
	}
	if d := synctest.DiffNames(want, got); d != "" {
		t.Errorf("not what there was at first: %s", d)
	}
}

var copiedMessages = regexp.MustCompile(`(?m)^default: (\d+) messages?, .* in `)
