package desktoptest_test

import (
	"os/exec"
	"strings"
	"testing"

	"smd-applet/desktoptest"
)

// The desktop itself: a popup of another program is seen, answered with the
// mouse, and its sender hears of it.
func TestPopupIsAnswered(t *testing.T) {
	t.Parallel()
	desktoptest.Needs(t, "notify-send")
	d := desktoptest.Start(t, desktoptest.Options{NoPanel: true})
	sender := d.Launch(exec.Command("notify-send", "--app-name=someone",
		"--action=retry=Retry", "--action=log=Open log", "work: the server refused the login", "check that ssh logs in"))
	popup := d.WaitNotification("from notify-send", func(n desktoptest.Notification) bool { return n.App == "someone" })
	if popup.Summary != "work: the server refused the login" || popup.Body != "check that ssh logs in" || len(popup.Actions) != 4 {
		t.Errorf("got %+v", popup)
	}
	d.Screenshot("popup")
	d.ClickPopup(popup, "Open log")
	<-sender.Ended()
	if got := strings.TrimSpace(sender.Output()); got != "log" {
		t.Errorf("the sender heard of %q", got)
	}
}

func TestDunstTakesPopups(t *testing.T) {
	t.Parallel()
	desktoptest.Needs(t, "notify-send")
	d := desktoptest.Start(t, desktoptest.Options{NoPanel: true, Notifier: desktoptest.Dunst})
	first := d.Launch(exec.Command("notify-send", "--print-id", "one"))
	popup := d.WaitNotification("one", func(n desktoptest.Notification) bool { return n.Summary == "one" })
	<-first.Ended()
	d.Launch(exec.Command("notify-send", "--replace-id="+strings.TrimSpace(first.Output()), "two"))
	again := d.WaitNotification("two", func(n desktoptest.Notification) bool { return n.Summary == "two" })
	if again.ID != popup.ID || again.Replaces != popup.ID || len(d.Notifications()) != 2 {
		t.Errorf("popups: %+v", d.Notifications())
	}
}

func TestPanelRestarts(t *testing.T) {
	t.Parallel()
	d := desktoptest.Start(t, desktoptest.Options{})
	d.RestartPanel()
	d.Screenshot("panel")
}
