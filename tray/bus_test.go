//go:build linux || freebsd || openbsd || netbsd

package tray

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"smd-applet/assets"
	"smd-applet/desktoptest"
	"smd-applet/sync"
	"smd-applet/sync/fault"
	"smd-applet/tray/autostart"
)

func synced(name string) sync.EndpointState {
	return sync.EndpointState{
		Name: name, Progress: sync.Progress{Phase: sync.PhaseIdle}, LastSuccess: time.Now(),
	}
}

func idleState(names ...string) sync.State {
	s := sync.State{Overall: sync.Idle}
	for _, name := range names {
		s.Endpoints = append(s.Endpoints, synced(name))
	}
	return s
}

// onBus starts an applet on a bus of its own with a watcher, and waits for its icon.
func onBus(t *testing.T, s sync.State) (*applet, *desktoptest.Item) {
	t.Helper()
	bus := desktoptest.StartBus(t)
	watcher := desktoptest.StartWatcher(t, bus)
	a := startApplet(t, s, "DBUS_SESSION_BUS_ADDRESS="+bus.Address)
	waitRegistered(t, watcher)
	return a, bus.Item(t, a.Pid())
}

func waitRegistered(t *testing.T, w *desktoptest.Watcher) {
	t.Helper()
	select {
	case <-w.Registered():
	case <-time.After(desktoptest.Patience):
		t.Fatal("the applet did not register its icon")
	}
}

func wantLabels(t *testing.T, item *desktoptest.Item, want ...string) {
	t.Helper()
	var got []string
	desktoptest.Until(t, "the menu "+strings.Join(want, " | "), func() bool {
		got = item.Labels()
		return slices.Equal(got, want)
	})
}

func TestMenuLayout(t *testing.T) {
	t.Parallel()
	_, item := onBus(t, idleState("my_mail", "work"))
	wantLabels(t, item, "Mail is in sync", "my_mail: synced just now", "work: synced just now", "-",
		"Sync now", "Pause", "Pause for", "-", "Open log", "-", "Settings", "About", "Quit")
	if got := item.ID() + " " + item.Title(); got != "smd-applet smd-applet" {
		t.Errorf("id and title: %s", got)
	}
	if !item.ShowsIcon(assets.Icon("idle")) {
		t.Error("the icon is not the idle one")
	}
	for _, e := range item.Menu() {
		if e.Label == "Mail is in sync" && e.Enabled {
			t.Error("the headline can be clicked")
		}
		if e.Visible && e.Enabled && !e.Separator && !e.AccessKey && len(e.Sub) == 0 {
			t.Errorf("%q has no access key", e.Label)
		}
	}
	for path, want := range map[string][]string{
		"my_mail: synced just now": {"synced just now", "last synced at " + time.Now().Format("15:04"), "Sync now", "Pause", "Open log"},
		"Pause for":                {"30 minutes", "2 hours", "until tomorrow"},
		"Settings":                 {"Start at login", "Notify of new mail", "Sync on metered networks", "Edit configuration"},
	} {
		sub := item.WaitEntry(path).Sub
		if got := desktoptest.Labels(sub); !slices.Equal(got, want) {
			t.Errorf("%s: %q", path, got)
		}
		for _, e := range sub {
			if e.Checkbox != (path == "Settings" && e.Label != "Edit configuration") {
				t.Errorf("%q: checkbox %v", e.Label, e.Checkbox)
			}
		}
	}
}

func TestClicksReachTheController(t *testing.T) {
	t.Parallel()
	s := idleState("default", "work")
	s.Endpoints[0].Held = []sync.HeldFolder{{Folder: "Archive", Count: 120, By: sync.Pull}}
	s.Setup = &fault.Error{Kind: fault.Config, Actions: []fault.Action{{Kind: fault.EditConfig, Arg: "loop"}}}
	s.Endpoints[1].Problem = &sync.Problem{Err: &fault.Error{
		Kind: fault.Conflict, Actions: []fault.Action{{Kind: fault.ShowMail, Arg: "x"}, {Kind: fault.KeepBoth, Arg: "x"}, {Kind: fault.RunCommand, Arg: "true"}},
	}}
	s.Recent = []sync.Activity{{Endpoint: "work", Direction: sync.Pull, At: time.Now(), Summary: sync.Summary{New: 3}}}
	s.Overall = sync.Attention
	a, item := onBus(t, s)
	status := "work: a message was changed at both ends"
	for _, click := range []struct {
		path []string
		call string
	}{
		{[]string{"Sync now"}, "sync"},
		{[]string{"Pause"}, "pause"},
		{[]string{"Pause for", "30 minutes"}, "pause  for 30m0s"},
		{[]string{"Pause for", "2 hours"}, "pause  for 2h0m0s"},
		{[]string{"Open log"}, "open-log"},
		{[]string{"About"}, "about"},
		{[]string{status, "Sync now"}, "sync work"},
		{[]string{status, "Pause"}, "pause work"},
		{[]string{status, "Open log"}, "open-log work"},
		{[]string{"Recent activity", s.Recent[0].At.Format("15:04") + "  work: received 3 new"}, "open-log work"},
		{[]string{"Problems (3)", "Delete them on both sides"}, "confirm default"},
		{[]string{"Problems (3)", "Bring them back"}, "restore default"},
		{[]string{"Problems (3)", "Keep both"}, "keep-both work x"},
		{[]string{"Problems (3)", "Show the message"}, "display-mail work x"},
		{[]string{"Problems (3)", "Run: true"}, "run work true"},
		{[]string{"Problems (3)", "Edit configuration"}, "edit-config loop"},
		{[]string{"Settings", "Notify of new mail"}, "notify true"},
		{[]string{"Settings", "Sync on metered networks"}, "metered true"},
		{[]string{"Settings", "Edit configuration"}, "open-config"},
	} {
		item.Click(click.path...)
		a.want(click.call)
	}
	if got := item.Tooltip(); got != "the configuration needs a look" {
		t.Errorf("tooltip: %q", got)
	}

	s.Endpoints[1].Paused = true
	s.Endpoints[1].Problem = nil
	a.show(s)
	item.Click("work: paused", "Resume")
	a.want("resume work")
	s.Endpoints = s.Endpoints[:1]
	s.Endpoints[0].Paused, s.Setup, s.Overall = true, nil, sync.Paused
	a.show(s)
	item.Click("Resume")
	a.want("resume")
	s.Endpoints[0].Held, s.Recent = nil, nil
	a.show(s)
	wantLabels(t, item, "Mail sync is paused", "default: paused", "-", "Sync now", "Resume", "-", "Open log", "-", "Settings", "About", "Quit")
}

// What comes later has its lines in submenus that grow, and goes again.
func TestSubmenusGrow(t *testing.T) {
	t.Parallel()
	s := idleState("default")
	a, item := onBus(t, s)
	item.WaitEntry("Sync now")
	for n := 1; n <= 3; n++ {
		s.Recent = append(s.Recent, sync.Activity{Endpoint: "default", Direction: sync.Push, At: time.Now(), Summary: sync.Summary{New: n}})
		a.show(s)
		item.Click("Recent activity", fmt.Sprintf("%s  default: sent %d new", s.Recent[n-1].At.Format("15:04"), n))
		a.want("open-log default")
	}
	s.Recent = s.Recent[:1]
	a.show(s)
	desktoptest.Until(t, "one line is left", func() bool { return len(desktoptest.Shown(item.WaitEntry("Recent activity").Sub)) == 1 })
	s.Recent = nil
	a.show(s)
	desktoptest.Until(t, "there is no activity", func() bool { return !slices.Contains(item.Labels(), "Recent activity") })
}

func TestMenuInGerman(t *testing.T) {
	t.Parallel()
	bus := desktoptest.StartBus(t)
	a := startApplet(t, idleState("default"), "DBUS_SESSION_BUS_ADDRESS="+bus.Address, "LANG=de_CH.UTF-8")
	item := bus.Item(t, a.Pid())
	item.WaitExported()
	wantLabels(t, item, "Die Mail ist synchron", "default: abgeglichen gerade eben", "-", "Jetzt abgleichen", "Anhalten", "Anhalten für",
		"-", "Protokoll öffnen", "-", "Einstellungen", "Über smd-applet", "Beenden")
}

func TestNoClickIsLost(t *testing.T) {
	t.Parallel()
	const burst = 100
	a, item := onBus(t, idleState("default"))
	id := item.WaitEntry("Sync now").ID
	done := make(chan struct{})
	for range burst {
		go func() {
			item.ClickID(id)
			done <- struct{}{}
		}()
	}
	for range burst {
		<-done
	}
	for range burst {
		a.want("sync")
	}
}

// Panels report clicks on entries that are grey or hidden, too.
func TestClicksOnWhatIsNotOfferedDoNothing(t *testing.T) {
	t.Parallel()
	a, item := onBus(t, idleState("default"))
	for _, e := range item.Menu() {
		if !e.Visible || !e.Enabled {
			item.ClickID(e.ID)
		}
	}
	item.Click("Sync now")
	a.want("sync")
}

func TestAutostartCheckbox(t *testing.T) {
	t.Parallel()
	_, item := onBus(t, idleState("default"))
	for _, want := range []bool{true, false} {
		item.Click("Settings", "Start at login")
		desktoptest.Until(t, fmt.Sprintf("checked is %v", want), func() bool {
			return item.WaitEntry("Settings", "Start at login").Checked == want
		})
	}
}

// Another program, such as a settings dialogue, may have changed the entry: it
// is read again when the menu is opened.
func TestAutostartIsReadAgainWhenTheMenuOpens(t *testing.T) {
	t.Parallel()
	config := t.TempDir()
	bus := desktoptest.StartBus(t)
	a := startApplet(t, idleState("default"), "DBUS_SESSION_BUS_ADDRESS="+bus.Address, "XDG_CONFIG_HOME="+config)
	item := bus.Item(t, a.Pid())
	item.WaitExported()
	if item.WaitEntry("Settings", "Start at login").Checked {
		t.Fatal("on before it was switched on")
	}
	if err := (autostart.Entry{ConfigHome: config, Exec: "/bin/sh"}).Set(true); err != nil {
		t.Fatal(err)
	}
	desktoptest.Until(t, "the tick", func() bool {
		item.OpenMenu()
		return item.WaitEntry("Settings", "Start at login").Checked
	})
}

func TestIconAndTooltipFollowTheState(t *testing.T) {
	t.Parallel()
	a, item := onBus(t, idleState("default"))
	for overall, tooltip := range map[sync.Overall]string{
		sync.Syncing: "Syncing mail", sync.Paused: "Mail sync is paused",
		sync.Offline: "Mail sync is offline", sync.Attention: "Mail sync needs a look", sync.Idle: "Mail is in sync",
	} {
		s := idleState("default")
		s.Overall = overall
		a.show(s)
		desktoptest.Until(t, "the icon and tooltip of "+string(overall), func() bool {
			return item.ShowsIcon(assets.Icon(string(overall))) && item.Tooltip() == tooltip
		})
	}
}

// hasHost is HasHost of the test's bus.
func hasHost(t *testing.T, bus *desktoptest.Bus) bool {
	t.Helper()
	conn := bus.Connect(t)
	return showsIcons(t.Context(), conn)
}

// manyEndpoints have a menu that takes a while to make.
func manyEndpoints() sync.State {
	var names []string
	for i := range 60 {
		names = append(names, fmt.Sprint("mail", i))
	}
	return idleState(names...)
}

// wantNewMenu looks at the menu at the moment a panel was told of it: it is whole,
// and not the one of before, in which "Sync now" had the ID given. Of a menu that
// is made while a panel of GTK looks, submenus stay empty.
func wantNewMenu(t *testing.T, item *desktoptest.Item, before int32) {
	t.Helper()
	entries := item.Visible()
	if syncNow, found := desktoptest.Find(entries, "Sync now"); !found || syncNow.ID == before {
		t.Errorf("the menu is not a new one for this panel: %+v, and %d before", syncNow, before)
	}
	if last := entries[len(entries)-1]; last.Label != "Quit" {
		t.Errorf("the menu ends with %q when the panel is told of it", last.Label)
	}
}

func TestPanelComesLateAndComesAgain(t *testing.T) {
	t.Parallel()
	bus := desktoptest.StartBus(t)
	a := startApplet(t, manyEndpoints(), "DBUS_SESSION_BUS_ADDRESS="+bus.Address)
	item := bus.Item(t, a.Pid())
	item.WaitExported()
	desktoptest.Until(t, "a word about the missing panel", func() bool {
		return strings.Count(a.Output(), "nothing here shows tray icons") == 1
	})
	for range 2 {
		if hasHost(t, bus) {
			t.Error("there is a panel")
		}
		before := item.WaitEntry("Sync now").ID
		watcher := desktoptest.StartWatcher(t, bus)
		waitRegistered(t, watcher)
		wantNewMenu(t, item, before)
		if !hasHost(t, bus) {
			t.Error("there is no panel")
		}
		item.Click("Sync now")
		a.want("sync")
		watcher.Stop()
	}
}

// The icon comes back also when signals of others came on its connection.
func TestPanelComesAgainAfterAForeignSignal(t *testing.T) {
	t.Parallel()
	bus := desktoptest.StartBus(t)
	watcher := desktoptest.StartWatcher(t, bus)
	startApplet(t, idleState("default"), "DBUS_SESSION_BUS_ADDRESS="+bus.Address)
	select {
	case applet := <-watcher.Registered():
		bus.Emit(t, applet, "org.freedesktop.Notifications.ActionInvoked", uint32(1), "default")
	case <-time.After(desktoptest.Patience):
		t.Fatal("the applet did not register its icon")
	}
	watcher.Stop()
	waitRegistered(t, desktoptest.StartWatcher(t, bus))
}

func TestBusDiesAndComesBack(t *testing.T) {
	t.Parallel()
	bus := desktoptest.StartBus(t)
	a := startApplet(t, manyEndpoints(), "DBUS_SESSION_BUS_ADDRESS="+bus.Address)
	waitRegistered(t, desktoptest.StartWatcher(t, bus))
	item := bus.Item(t, a.Pid())
	for _, overall := range []sync.Overall{sync.Syncing, sync.Offline} {
		before := item.WaitEntry("Sync now").ID
		bus.Stop()
		// A state that changes while there is no bus is shown on the next one.
		s := manyEndpoints()
		s.Overall = overall
		a.show(s)
		bus.Restart(t)
		waitRegistered(t, desktoptest.StartWatcher(t, bus))
		item = bus.Item(t, a.Pid())
		wantNewMenu(t, item, before)
		desktoptest.Until(t, "the icon of "+string(overall), func() bool {
			return item.ShowsIcon(assets.Icon(string(overall)))
		})
		item.Click("Sync now")
		a.want("sync")
	}
	if !strings.Contains(a.Output(), "the session bus is gone") {
		t.Error("the lost bus is not in the log")
	}
	bus.Item(t, a.Pid()).Click("Quit")
	a.want("ended")
}

// An applet that is started before the desktop is goes on without an icon, says
// so once, and shows it when the bus is there.
func TestBusComesLate(t *testing.T) {
	t.Parallel()
	bus := desktoptest.StartBus(t)
	bus.Stop()
	a := startApplet(t, idleState("default"), "DBUS_SESSION_BUS_ADDRESS="+bus.Address)
	desktoptest.Until(t, "a word about the missing bus", func() bool {
		return strings.Contains(a.Output(), "no session bus")
	})
	bus.Restart(t)
	waitRegistered(t, desktoptest.StartWatcher(t, bus))
	item := bus.Item(t, a.Pid())
	item.Click("Sync now")
	a.want("sync")
	if got := strings.Count(a.Output(), "no session bus"); got != 1 {
		t.Errorf("told %d times that there is no bus:\n%s", got, a.Output())
	}
	item.Click("Quit")
	a.want("ended")
}

func TestEndsCleanly(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*applet, *desktoptest.Item, *desktoptest.Bus){
		"by Quit":                func(_ *applet, i *desktoptest.Item, _ *desktoptest.Bus) { i.Click("Quit") },
		"by the context":         func(a *applet, _ *desktoptest.Item, _ *desktoptest.Bus) { a.Stop() },
		"by the context, no bus": func(a *applet, _ *desktoptest.Item, b *desktoptest.Bus) { b.Stop(); a.Stop() },
		"while it waits for a new bus": func(a *applet, _ *desktoptest.Item, b *desktoptest.Bus) {
			b.Stop()
			desktoptest.Until(t, "the lost bus in the log", func() bool { return strings.Contains(a.Output(), "bus is gone") })
			a.Stop()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bus := desktoptest.StartBus(t)
			a := startApplet(t, idleState("default"), "DBUS_SESSION_BUS_ADDRESS="+bus.Address)
			item := bus.Item(t, a.Pid())
			item.WaitExported()
			end(a, item, bus)
			a.want("ended")
			<-a.Ended()
			if strings.Contains(a.Output(), "panic") {
				t.Error(a.Output())
			}
		})
	}
}

// A quiet applet sends nothing: between two paints of the same state there is no
// signal on the bus.
func TestUnchangedStateSendsNothing(t *testing.T) {
	t.Parallel()
	bus := desktoptest.StartBus(t)
	a := startApplet(t, idleState("default"), "DBUS_SESSION_BUS_ADDRESS="+bus.Address)
	item := bus.Item(t, a.Pid())
	item.WaitExported()
	item.WaitEntry("Sync now") // past systray's own second layout signal
	signals := bus.Signals(t, a.Pid())
	s := idleState("default")
	for range 5 {
		a.show(s)
	}
	s.Overall = sync.Offline
	a.show(s)
	desktoptest.Until(t, "the offline icon", func() bool { return item.ShowsIcon(assets.Icon("offline")) })
	s.Overall = sync.Paused // its signal is behind all the others
	a.show(s)
	desktoptest.Until(t, "the paused icon", func() bool { return item.ShowsIcon(assets.Icon("paused")) })
	var layouts int
	for _, member := range signals() {
		if member == "com.canonical.dbusmenu.ItemsPropertiesUpdated" {
			layouts++
		}
	}
	if layouts > 4 { // the headline, twice; Pause became Resume, Pause for went
		t.Errorf("%d entries were sent again although four changed: %v", layouts, signals())
	}
}
