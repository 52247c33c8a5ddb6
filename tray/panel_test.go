//go:build linux

package tray

import (
	"slices"
	"testing"
	"time"

	"smd-applet/assets"
	"smd-applet/desktoptest"
	"smd-applet/phrase"
	"smd-applet/sync"
	"smd-applet/sync/fault"
)

// panelStates are states to look at on a real panel; KEEP_SHOTS=1 keeps the
// pictures.
func panelStates() []sync.State {
	syncing, paused, offline, attention := idleState("default", "work"), idleState("default", "work"), idleState("default", "work"), idleState("default", "work")
	syncing.Overall = sync.Syncing
	syncing.Endpoints[0].Direction = sync.Pull
	syncing.Endpoints[0].Progress = sync.Progress{Phase: sync.PhaseTransferring, Done: 1240, Total: 5300}
	paused.Overall = sync.Paused
	offline.Overall = sync.Offline
	attention.Overall = sync.Attention
	for i := range paused.Endpoints {
		paused.Endpoints[i].Paused = true
		offline.Endpoints[i].LastError = &fault.Error{Kind: fault.Network}
		offline.Endpoints[i].Retrying = true
		offline.Endpoints[i].NextRun = time.Now().Add(time.Hour)
	}
	attention.Endpoints[0].Held = []sync.HeldFolder{{Folder: "Archive/my_lists", Count: 1312, By: sync.Pull}}
	attention.Endpoints[1].Problem = &sync.Problem{Err: &fault.Error{Kind: fault.Auth}}
	return []sync.State{idleState("default", "work"), syncing, paused, offline, attention}
}

func TestStatesOnARealPanel(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]desktoptest.Options{"light": {}, "dark": {Dark: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := desktoptest.Start(t, options)
			a := startApplet(t, panelStates()[0], d.Env()...)
			item := d.WaitIcon(a.Pid())
			for _, s := range panelStates() {
				a.show(s)
				want := view(scene{state: s, now: time.Now(), Book: phrase.English})
				desktoptest.Until(t, "the menu of "+want.icon, func() bool {
					return item.Tooltip() == want.tooltip && item.ShowsIcon(assets.Icon(want.icon))
				})
				d.IconAt(item)
				d.OpenMenu(item)
				d.Screenshot(name + "-" + want.icon)
				d.CloseMenu()
			}
		})
	}
}

// A click of a real mouse is obeyed within 200 ms. A machine busy with other
// tests may miss that now and then, but not thrice in a row.
func TestMouseOnARealPanel(t *testing.T) {
	t.Parallel()
	const limit = 200 * time.Millisecond
	d := desktoptest.Start(t, desktoptest.Options{})
	s := idleState("default")
	a := startApplet(t, s, d.Env()...)
	item := d.WaitIcon(a.Pid())

	var took []time.Duration
	for range 3 {
		d.PointAt(item, "Sync now")
		clicked := time.Now()
		d.Press()
		a.want("sync")
		took = append(took, time.Since(clicked))
	}
	t.Logf("from the click to the call: %s", took)
	if slices.Min(took) > limit {
		t.Errorf("clicks are obeyed after %s, want %s", took, limit)
	}

	d.Click(item, "Pause")
	a.want("pause")
	s.Overall, s.Endpoints[0].Paused = sync.Paused, true
	a.show(s)
	item.WaitEntry("Resume")
	d.Click(item, "Resume")
	a.want("resume")
	a.show(idleState("default"))
	item.WaitEntry("Pause")

	d.Click(item, "Settings", "Start at login")
	desktoptest.Until(t, "the tick", func() bool { return item.WaitEntry("Settings", "Start at login").Checked })

	for range 2 {
		d.RestartPanel()
		item = d.WaitIcon(a.Pid())
		d.Click(item, "Pause for", "2 hours") // submenus too
		a.want("pause  for 2h0m0s")
	}
	d.Click(item, "Quit")
	a.want("ended")
	<-a.Ended()
}

func TestIconAppearsWithALatePanel(t *testing.T) {
	t.Parallel()
	d := desktoptest.Start(t, desktoptest.Options{NoPanel: true})
	a := startApplet(t, idleState("default"), d.Env()...)
	d.Bus().Item(t, a.Pid()).WaitExported()
	d.StartPanel()
	d.Click(d.WaitIcon(a.Pid()), "Sync now")
	a.want("sync")
}

// A click counts while the menu tells of progress, which changes all the time.
func TestClicksDuringProgress(t *testing.T) {
	t.Parallel()
	d := desktoptest.Start(t, desktoptest.Options{})
	s := idleState("default")
	s.Overall = sync.Syncing
	s.Endpoints[0].Direction = sync.Pull
	s.Endpoints[0].Progress = sync.Progress{Phase: sync.PhaseTransferring, Done: 1, Total: 90000}
	a := startApplet(t, s, d.Env()...)
	item := d.WaitIcon(a.Pid())

	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				s.Endpoints[0].Progress.Done += 37
				a.show(s)
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	for range 5 {
		d.Click(item, "Pause")
		a.want("pause")
	}
}
