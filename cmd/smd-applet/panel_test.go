//go:build linux

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"smd-applet/assets"
	"smd-applet/desktoptest"
	"smd-applet/sync/lock"
)

// opened makes xdg-open one that tells what it was given, and returns it.
func opened(t *testing.T) (dir string, path func() string) {
	t.Helper()
	dir = t.TempDir()
	told := filepath.Join(dir, "told")
	script := fmt.Sprintf("#!/bin/sh\nprintf %%s \"$1\" >'%s'\n", told)
	if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir, func() string {
		b, _ := os.ReadFile(told) // not yet there: nothing was opened
		return string(b)
	}
}

// login starts what the desktop's autostart folder holds, as a session does, and
// returns the applet's process.
func (l *laptop) login(d *desktoptest.Desktop, env []string) int {
	l.t.Helper()
	entry := filepath.Join(d.Home(), ".config", "autostart", "smd-applet.desktop")
	cmd := exec.Command("gio", "launch", entry)
	cmd.Env = append(d.Env(), env...)
	said, err := os.Create(filepath.Join(l.home, "session-errors")) // a pipe would be waited for
	if err != nil {
		l.t.Fatal(err)
	}
	defer said.Close()
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Run(); err != nil {
		l.t.Fatalf("gio launch: %v", err)
	}
	pid := 0
	desktoptest.Until(l.t, "the applet takes its lock", func() bool {
		pid, _ = lock.Owner(filepath.Join(l.home, ".smd", "loop.lock"))
		return pid != 0
	})
	l.t.Cleanup(func() {
		_ = syscall.Kill(pid, syscall.SIGTERM) // it may have ended
		desktoptest.Until(l.t, "the applet ends", l.isFree)
	})
	return pid
}

// The main job as a person sees it: log in, click, watch it fail, watch it
// recover, quit.
func TestAppletOnARealPanel(t *testing.T) {
	t.Parallel()
	desktoptest.Needs(t, "gio")
	l := newLaptop(t)
	l.every("60")
	d := desktoptest.Start(t, desktoptest.Options{PopupsStay: true})
	viewer, shown := opened(t)
	env := []string{"HOME=" + l.home, "PATH=" + viewer + ":" + l.path}

	on := exec.Command(filepath.Join(l.bin, "smd-applet"), "autostart", "on")
	on.Env = append(d.Env(), env...)
	if out, err := on.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("autostart on: %v: %s", err, out)
	}
	deliver(t, l.there)
	pid := l.login(d, env)
	item := d.WaitIcon(pid)
	desktoptest.Until(t, "the first sync", func() bool { return count(l.local) == 1 })
	desktoptest.Until(t, "the menu tells of it", func() bool {
		return strings.HasPrefix(item.Labels()[1], "default: synced just now")
	})
	d.Screenshot("idle")

	deliver(t, l.there)
	d.Click(item, "Sync now")
	desktoptest.Until(t, "the message Sync now brings", func() bool {
		return count(l.local) == 2 && item.ShowsIcon(assets.Icon("idle"))
	})

	d.Click(item, "Pause")
	item.WaitEntry("Resume")
	deliver(t, l.local)
	logins := l.sshd.Logins()
	desktoptest.Until(t, "the icon of a pause", func() bool { return item.ShowsIcon(assets.Icon("paused")) })
	d.Click(item, "Resume")
	desktoptest.Until(t, "what waited for the end of the pause", func() bool { return count(l.there) == 3 })
	if made := l.sshd.Logins() - logins; made > 0 {
		t.Errorf("%d more logins: the connection is shared", made)
	}

	d.Click(item, "Open log")
	want := filepath.Join(l.home, ".smd", "log", "loop.log")
	desktoptest.Until(t, "the log is opened", func() bool { return shown() != "" })
	if shown() != want {
		t.Errorf("Open log opened %s", shown())
	}

	l.sshd.CutLink()
	d.Click(item, "Sync now")
	popup := d.WaitNotification("the link is cut", func(n desktoptest.Notification) bool { return n.ID != 0 })
	for _, words := range []string{"default", "mailhost"} {
		if !strings.Contains(popup.Summary+"\n"+popup.Body, words) {
			t.Errorf("the popup does not tell of %s: %q, %q", words, popup.Summary, popup.Body)
		}
	}
	if !slices.Contains(popup.Actions, "Sync now") || !slices.Contains(popup.Actions, "Open log") {
		t.Errorf("the popup has the buttons %q", popup.Actions)
	}
	d.OpenMenu(item)
	t.Logf("the popup: %q, %q; menu %q", popup.Summary, popup.Body, item.Labels())
	d.Screenshot("cut-link")
	d.CloseMenu()

	l.sshd.MendLink()
	deliver(t, l.there)
	d.ClickPopup(popup, "Sync now")
	desktoptest.Until(t, "the message after the link is mended", func() bool { return count(l.local) == 4 })
	desktoptest.Until(t, "the popup goes", func() bool {
		return !slices.ContainsFunc(d.Notifications(), func(n desktoptest.Notification) bool { return !n.Closed })
	})
	desktoptest.Until(t, "the icon is calm again", func() bool { return item.ShowsIcon(assets.Icon("idle")) })
	d.Screenshot("recovered")

	d.Click(item, "Quit")
	desktoptest.Until(t, "the applet ends", l.isFree)
	l.equal()
}

// The demo is in the panel, and its failure in a popup.
func TestDemoOnARealPanel(t *testing.T) {
	t.Parallel()
	d := desktoptest.Start(t, desktoptest.Options{PopupsStay: true})
	p, _ := demo(t, d.Env())
	d.WaitIcon(p.Pid())
	popup := d.WaitNotification("the failure", func(n desktoptest.Notification) bool { return n.ID != 0 })
	if !strings.Contains(popup.Body, "mailhost") {
		t.Errorf("the popup says %q, %q", popup.Summary, popup.Body)
	}
	desktoptest.Until(t, "the tour is over", func() bool { return strings.Contains(p.Output(), "That was the tour") })
	d.Click(d.WaitIcon(p.Pid()), "Quit")
	<-p.Ended()
}

// From nothing to a synced mailbox, with every obstacle on the way told by icon,
// menu and popup, and noticed by itself when it is out of the way.
func TestAppletFromNothing(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	config := filepath.Join(l.home, ".smd", "config.default")
	if err := os.Remove(config); err != nil {
		t.Fatal(err)
	}
	deliver(t, l.there)
	d := desktoptest.Start(t, desktoptest.Options{PopupsStay: true})
	viewer, shown := opened(t)
	cmd := exec.Command(filepath.Join(l.bin, "smd-applet"))
	cmd.Env = append(d.Env(), "HOME="+l.home, "PATH="+viewer+":"+l.path)
	item := d.WaitIcon(d.Launch(cmd).Pid())

	told := func(what, icon, label, popup string) desktoptest.Notification {
		t.Helper()
		desktoptest.Until(t, what, func() bool {
			return item.ShowsIcon(assets.Icon(icon)) && strings.Contains(item.Tooltip(), label)
		})
		n := d.WaitNotification(what, func(n desktoptest.Notification) bool { return strings.Contains(n.Body, popup) })
		d.Screenshot(strings.ReplaceAll(what, " ", "-"))
		return n
	}
	popup := told("no configuration", "attention", "configuration", config)
	d.ClickPopup(popup, "Edit configuration")
	desktoptest.Until(t, "the configuration is opened", func() bool { return shown() == config })
	if text, err := os.ReadFile(config); err != nil || !strings.Contains(string(text), "SERVERNAME") {
		t.Errorf("no template was written: %v", err)
	}

	l.configure("SERVERNAME=mailhost\nCLIENTNAME=laptop-test\nMAILBOX=../Mail\n")
	told("a mailbox outside of the home", "attention", "configuration", "it must not have ..")

	l.configure("SERVERNAME=mailhost\nCLIENTNAME=laptop-test\nMAILBOX=Mail\n")
	desktoptest.Until(t, "the first sync", func() bool {
		return item.ShowsIcon(assets.Icon("idle")) && strings.HasPrefix(item.Labels()[1], "default: synced just now")
	})
	desktoptest.Until(t, "all popups are gone", func() bool {
		return !slices.ContainsFunc(d.Notifications(), func(n desktoptest.Notification) bool { return n.Replaces == 0 && !n.Closed })
	})
	l.equal()
}

// A folder that vanished at the server, on a desktop: a popup asks, nothing goes
// meanwhile, and what a person answers is done, by popup or menu, either way. An
// unmounted mailbox halts and heals by itself.
func TestHeldDeletionsOnARealPanel(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	l.every("60")
	const all, lists = 14, 12
	for i := range all {
		folder := ".lists"
		if i >= lists {
			folder = "."
		}
		if _, err := l.there.Deliver(folder); err != nil {
			t.Fatal(err)
		}
	}
	d := desktoptest.Start(t, desktoptest.Options{PopupsStay: true})
	cmd := exec.Command(filepath.Join(l.bin, "smd-applet"))
	cmd.Env = append(d.Env(), "HOME="+l.home, "PATH="+l.path)
	item := d.WaitIcon(d.Launch(cmd).Pid())
	calm := func(what string, there int) {
		t.Helper()
		desktoptest.Until(t, what, func() bool {
			return count(l.local) == there && count(l.there) == there && item.ShowsIcon(assets.Icon("idle"))
		})
		desktoptest.Until(t, what+": no popup is left", func() bool {
			return !slices.ContainsFunc(d.Notifications(), func(n desktoptest.Notification) bool { return !n.Closed && n.Replaces == 0 })
		})
		l.equal()
	}
	calm("the first sync", all)

	ask := func(what string) desktoptest.Notification {
		t.Helper()
		if err := l.there.RemoveFolder(".lists"); err != nil {
			t.Fatal(err)
		}
		d.Click(item, "Sync now")
		popup := d.WaitNotification(what, func(n desktoptest.Notification) bool {
			return !n.Closed && strings.Contains(n.Body, "12") && slices.Contains(n.Actions, "Bring them back") && slices.Contains(n.Actions, "Delete them on both sides")
		})
		desktoptest.Until(t, what+": the icon", func() bool { return item.ShowsIcon(assets.Icon("attention")) })
		if n := count(l.local); n != all {
			t.Errorf("%s: before anybody answered there are %d messages here, want %d", what, n, all)
		}
		d.Screenshot(strings.ReplaceAll(what, " ", "-"))
		return popup
	}
	d.ClickPopup(ask("a folder is gone"), "Bring them back")
	calm("what was brought back", all)

	if err := os.Rename(l.local.Root, l.local.Root+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(l.local.Root, 0o700); err != nil {
		t.Fatal(err)
	}
	d.Click(item, "Sync now")
	d.WaitNotification("an unmounted mailbox", func(n desktoptest.Notification) bool { return !n.Closed && strings.Contains(n.Body, "mount") })
	if n := count(l.there); n != all {
		t.Errorf("while the mailbox is not mounted there are %d messages at the server, want %d", n, all)
	}
	if err := os.RemoveAll(l.local.Root); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(l.local.Root+".away", l.local.Root); err != nil {
		t.Fatal(err)
	}
	d.Click(item, "Sync now")
	calm("the mailbox is back", all)

	ask("the folder is gone again")
	d.Click(item, "Problems (1)", "Delete them on both sides")
	calm("what was deleted", all-lists)
	d.Click(item, "Quit")
	desktoptest.Until(t, "the applet ends", l.isFree)
}
