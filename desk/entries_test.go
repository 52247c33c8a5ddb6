//go:build linux

package desk

import (
	"slices"
	"strings"
	"testing"
	"time"

	"smd-applet/desktoptest"
	"smd-applet/sync"
	"smd-applet/sync/fault"
)

// busy is a state in which the menu has all it can have.
func busy() sync.State {
	now := time.Now()
	return sync.State{
		Overall: sync.Attention,
		Endpoints: []sync.EndpointState{
			{Name: "work", LastSuccess: now, Held: []sync.HeldFolder{{Folder: "Mail/lists", Count: 120, By: sync.Pull}}, Problem: problem(fault.Held, "")},
			{Name: "home", LastSuccess: now, Problem: problem(fault.HostKeyUnknown, "mailhost", fault.Action{Kind: fault.TrustHost, Arg: "mailhost"})},
		},
		Recent: []sync.Activity{
			{Endpoint: "work", Direction: sync.Pull, At: now, Summary: sync.Summary{New: 3}},
			{Endpoint: "home", Direction: sync.Push, At: now.Add(-time.Minute), Summary: sync.Summary{Flagged: 12, Moved: 1}},
			{Endpoint: "work", Direction: sync.Pull, At: now.Add(-time.Hour), Summary: sync.Summary{New: 1240, Deleted: 2}},
		},
	}
}

// Every entry of the menu is clicked once with a mouse, on a real panel; those
// that popups belong to with each of two notification daemons.
func TestEveryEntry(t *testing.T) {
	t.Parallel()
	for _, notifier := range []desktoptest.Notifier{desktoptest.XfceNotifyd, desktoptest.Dunst} {
		t.Run(string(notifier), func(t *testing.T) {
			t.Parallel()
			d := desktoptest.Start(t, desktoptest.Options{Notifier: notifier})
			s := busy()
			f := startFront(t, d, cue{State: s})
			item := d.WaitIcon(f.Pid())
			loop, log := d.Home()+"/.smd/loop", d.Home()+"/.smd/log/loop.log"
			d.WaitNotification("the problems", func(n desktoptest.Notification) bool { return strings.Contains(n.Summary, "work") })

			work := desktoptest.Labels(item.Menu())[1]
			entries := []struct {
				path []string
				want string
			}{
				{[]string{work, "Sync now"}, "sync work"},
				{[]string{work, "Pause"}, "pause work"},
				{[]string{work, "Open log"}, "open " + log},
				{[]string{"Sync now"}, "sync "},
				{[]string{"Pause"}, "pause "},
				{[]string{"Pause for", "30 minutes"}, "pause  for a while"},
				{[]string{"Pause for", "2 hours"}, "pause  for a while"},
				{[]string{"Pause for", "until tomorrow"}, "pause  for a while"},
				{[]string{"Recent activity", s.Recent[0].At.UTC().Format("15:04") + "  work: received 3 new"}, "open " + log},
				{[]string{"Problems (2)", "Delete them on both sides"}, "confirm work"},
				{[]string{"Problems (2)", "Bring them back"}, "restore work"},
				{[]string{"Problems (2)", "Sync now"}, "sync home"},
				{[]string{"Problems (2)", "Open log"}, "open " + log},
				{[]string{"Open log"}, "open " + log},
				{[]string{"Settings", "Notify of new mail"}, "new mail true"},
				{[]string{"Settings", "Sync on metered networks"}, "metered true"},
				{[]string{"Settings", "Edit configuration"}, "open " + loop},
			}
			if notifier == desktoptest.Dunst {
				entries = nil
			} else {
				d.Click(item, "Settings", "Start at login")
				desktoptest.Until(t, "the tick", func() bool { return item.WaitEntry("Settings", "Start at login").Checked })
			}
			for _, c := range entries {
				d.Click(item, c.path...)
				f.want(c.want)
			}

			// The key is shown by the menu, in the menu and in a popup, before it can be trusted.
			if _, offered := desktoptest.Find(item.Menu(), "Problems (2)", "Trust this key"); offered {
				t.Fatal("a key can be trusted before it is shown")
			}
			d.Click(item, "Problems (2)", "Show the server's key")
			d.WaitNotification("the key", func(n desktoptest.Notification) bool { return strings.Contains(n.Body, "SHA256:BX5k") })
			d.Click(item, "Problems (2)", "Trust this key")
			f.want("recorded")
			f.want("sync home")

			d.Click(item, "About")
			d.WaitNotification("about", func(n desktoptest.Notification) bool { return n.Summary == "smd-applet 0.1.0" })
			s.Overall, s.Endpoints[0].Problem, s.Endpoints[0].Held, s.Endpoints[1].Problem = sync.Paused, nil, nil, nil
			s.Endpoints[0].Paused, s.Endpoints[1].Paused = true, true
			f.show(cue{State: s})
			item.WaitEntry("Resume")
			d.Click(item, "Resume")
			f.want("resume ")
			d.Click(item, "work: paused", "Resume")
			f.want("resume work")
			d.Click(item, "Quit")
			f.want("ended")
		})
	}
}

// Panel, popups and bus go and come back: the applet lives, and what it shows is
// as before.
func TestLives(t *testing.T) {
	t.Parallel()
	d := desktoptest.Start(t, desktoptest.Options{})
	s := busy()
	f := startFront(t, d, cue{State: s})
	d.WaitIcon(f.Pid())
	d.WaitNotification("the problems", func(n desktoptest.Notification) bool { return strings.Contains(n.Summary, "work") })

	d.StopNotifier()
	d.StopPanel()
	d.StartNotifier()
	d.StartPanel()
	item := d.WaitIcon(f.Pid())
	d.Click(item, "About")
	d.WaitNotification("a popup of the new daemon's", func(n desktoptest.Notification) bool { return n.Summary == "smd-applet 0.1.0" })
	d.Click(item, "Problems (2)", "Bring them back")
	f.want("restore work")

	d.RestartBus()
	item = d.WaitIcon(f.Pid())
	d.Click(item, "Problems (2)", "Sync now")
	f.want("sync home")
	d.Click(item, "About")
	d.WaitNotification("a popup on the new bus", func(n desktoptest.Notification) bool { return n.Summary == "smd-applet 0.1.0" })
}

// Where no panel shows the icon a second start shows the state, with buttons.
func TestRaise(t *testing.T) {
	t.Parallel()
	d := desktoptest.Start(t, desktoptest.Options{NoPanel: true})
	s := sync.State{Overall: sync.Idle, Endpoints: []sync.EndpointState{{Name: "work", LastSuccess: time.Now()}}}
	f := startFront(t, d, cue{State: s})
	d.Bus().Item(t, f.Pid()).WaitExported()
	f.show(cue{State: s, Raise: true})
	f.want("sync ")
	n := d.WaitNotification("the state", func(n desktoptest.Notification) bool { return n.Summary == "Mail is in sync" })
	if !strings.Contains(n.Body, "work: synced") || !slices.Contains(n.Actions, "Pause") {
		t.Errorf("popup %q, %q", n.Body, n.Actions)
	}
	d.ClickPopup(n, "Pause")
	f.want("pause ")
}
