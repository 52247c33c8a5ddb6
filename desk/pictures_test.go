//go:build linux

package desk

import (
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smd-applet/assets"
	"smd-applet/desktoptest"
	"smd-applet/sync"
	"smd-applet/sync/fault"
)

// picturesFolder is where "make pictures" wants docs/images to be written.
const picturesFolder = "PICTURES"

// showing waits until the panel shows the state's icon and the menu its headline.
func (f *front) showing(d *desktoptest.Desktop, item *desktoptest.Item, s sync.State, headline string) {
	f.t.Helper()
	f.show(cue{State: s})
	desktoptest.Until(f.t, "the state "+string(s.Overall), func() bool {
		labels := item.Labels()
		return len(labels) > 0 && strings.HasPrefix(labels[0], headline) && item.ShowsIcon(assets.Icon(string(s.Overall)))
	})
	d.IconAt(item)
}

// looks are the states with an icon of their own.
func looks() (states []sync.State, headlines []string) {
	now := time.Now()
	state := func(overall sync.Overall, change func(*sync.EndpointState)) {
		s := sync.State{Overall: overall, Endpoints: []sync.EndpointState{
			{Name: "work", LastSuccess: now, LastChange: sync.Summary{New: 3}},
			{Name: "home", LastSuccess: now},
		}}
		for i := range s.Endpoints {
			change(&s.Endpoints[i])
		}
		states = append(states, s)
	}
	state(sync.Idle, func(*sync.EndpointState) {})
	state(sync.Syncing, func(e *sync.EndpointState) {
		if e.Name == "work" {
			e.Direction, e.Progress = sync.Pull, sync.Progress{Phase: sync.PhaseTransferring, Done: 1240, Total: 5300}
		}
	})
	state(sync.Paused, func(e *sync.EndpointState) { e.Paused = true })
	state(sync.Offline, func(e *sync.EndpointState) { e.LastError = &fault.Error{Kind: fault.Network} })
	state(sync.Attention, func(e *sync.EndpointState) {
		if e.Name == "work" {
			e.Problem = problem(fault.Auth, "mailhost")
		}
	})
	return states, []string{"Mail is in sync", "Syncing mail", "Mail sync is paused", "Mail sync is offline", "Mail sync needs a look"}
}

// TestPictures makes the pictures of docs/images, and looks at nothing itself:
// whoever runs "make pictures" does.
func TestPictures(t *testing.T) {
	folder := os.Getenv(picturesFolder)
	if folder == "" {
		t.Skip("only for make pictures")
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	to := func(name string) string { return filepath.Join(folder, name+".png") }

	for theme, options := range map[string]desktoptest.Options{"light": {}, "dark": {Dark: true}} {
		t.Run(theme, func(t *testing.T) {
			d := desktoptest.Start(t, options)
			states, headlines := looks()
			f := startFront(t, d, cue{State: states[0]})
			item := d.WaitIcon(f.Pid())
			var icons []image.Image
			for i, s := range states {
				f.showing(d, item, s, headlines[i])
				icons = append(icons, d.Look(d.PanelAt(32)))
				box := d.OpenMenu(item)
				d.Picture(to("menu-"+string(s.Overall)+"-"+theme), box.Union(d.PanelAt(box.Dx())))
				d.CloseMenu()
			}
			d.Pictures(to("icons-"+theme), icons)
		})
	}
	t.Run("submenus", func(t *testing.T) {
		d := desktoptest.Start(t, desktoptest.Options{NoPopups: true})
		s := busy()
		f := startFront(t, d, cue{State: s})
		item := d.WaitIcon(f.Pid())
		for name, label := range map[string]string{"problems": "Problems (2)", "settings": "Settings", "pause-for": "Pause for", "recent": "Recent activity"} {
			box := d.OpenSubmenu(item, label)
			d.Picture(to("menu-"+name), box.Union(d.PanelAt(40)))
			d.CloseMenu()
		}
	})
	t.Run("german", func(t *testing.T) {
		d := desktoptest.Start(t, desktoptest.Options{NoPopups: true})
		f := startFront(t, d, cue{State: busy()}, "LC_ALL=", "LANG=de_DE.UTF-8")
		item := d.WaitIcon(f.Pid())
		box := d.OpenSubmenu(item, "Probleme (2)")
		d.Picture(to("menu-problems-german"), box.Union(d.PanelAt(40)))
	})
	kinds := map[string]sync.EndpointState{
		"login":     {Name: "work", Problem: problem(fault.Auth, "mailhost")},
		"held":      {Name: "work", Held: []sync.HeldFolder{{Folder: "Mail/lists", Count: 120, By: sync.Pull}}, Problem: problem(fault.Held, "Mail/lists")},
		"key":       {Name: "work", Problem: problem(fault.HostKeyUnknown, "mailhost", fault.Action{Kind: fault.TrustHost, Arg: "mailhost"})},
		"config":    {Name: "work", Problem: problem(fault.Config, "~/.smd/config.work")},
		"disk-full": {Name: "work", Problem: problem(fault.DiskFull, "Mail/lists")},
		"network":   {Name: "work", Problem: problem(fault.Network, "mailhost")},
		"program":   {Name: "work", Problem: problem(fault.RemoteProgram, "mailhost")},
		"damaged":   {Name: "work", Problem: problem(fault.Damaged, "Mail/cur/17.M1P2.host:2,S")},
		"hook":      {Name: "work", Problem: problem(fault.Hook, "~/.smd/hooks/post-pull.d/mailfilter")},
		"new-key":   {Name: "work", Problem: problem(fault.HostKeyChanged, "mailhost", fault.Action{Kind: fault.TrustHost, Arg: "mailhost"})},
	}
	for _, notifier := range []desktoptest.Notifier{desktoptest.XfceNotifyd, desktoptest.Dunst} {
		t.Run(string(notifier), func(t *testing.T) {
			d := desktoptest.Start(t, desktoptest.Options{Notifier: notifier, NoPanel: true})
			quiet := sync.State{Overall: sync.Idle, Endpoints: []sync.EndpointState{{Name: "work", LastSuccess: time.Now(), LastChange: sync.Summary{New: 3}}}}
			f := startFront(t, d, cue{State: quiet})
			d.Bus().Item(t, f.Pid()).WaitExported()
			shown := func(name string) {
				n := len(d.Notifications())
				desktoptest.Until(t, "the popup "+name, func() bool { return len(d.Notifications()) > n })
			}
			f.show(cue{State: quiet, Raise: true})
			d.Picture(to("popup-status-"+string(notifier)), d.PopupAt(1))
			d.StopNotifier()
			d.StartNotifier()
			for name, ep := range kinds {
				s := sync.State{Overall: sync.Attention, Endpoints: []sync.EndpointState{ep}}
				f.show(cue{State: s})
				shown(name)
				d.Picture(to("popup-"+name+"-"+string(notifier)), d.PopupAt(1))
				f.show(cue{State: quiet})
				d.NoPopup()
			}
			f.show(cue{State: quiet, Mail: 3})
			shown("new mail")
			d.Picture(to("popup-mail-"+string(notifier)), d.PopupAt(1))
			d.StopNotifier()
			d.StartNotifier()

			item := d.Bus().Item(t, f.Pid())
			item.Click("About")
			shown("about")
			d.Picture(to("popup-about-"+string(notifier)), d.PopupAt(1))
			d.StopNotifier()
			f.show(cue{State: sync.State{Overall: sync.Attention, Endpoints: []sync.EndpointState{kinds["key"]}}})
			entry := item.WaitEntry("Problems (1)", "Show the server's key")
			d.StartNotifier()
			item.ClickID(entry.ID)
			d.WaitNotification("the key", func(n desktoptest.Notification) bool { return strings.Contains(n.Body, "SHA256:") })
			d.Picture(to("popup-fingerprint-"+string(notifier)), d.PopupAt(1))
		})
	}
}
