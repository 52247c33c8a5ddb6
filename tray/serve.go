//go:build linux || freebsd || openbsd || netbsd || (darwin && cgo)

package tray

import (
	"context"
	stdsync "sync"
	"time"

	"fyne.io/systray"
)

const (
	// paintGap is the least time between two repaints of a state that keeps
	// changing: a progress that counts messages is to be read, not to flicker.
	paintGap = 200 * time.Millisecond
	// refreshGap is the least time between two repaints for the sake of "2
	// minutes ago".
	refreshGap = time.Minute
)

// face is the one menu of the program and what is behind it.
type face struct {
	controller Controller
	options    Options
	painter    *painter

	panels     chan chan<- struct{} // a panel came, and is to be told when the menu for it is there
	autostart  bool                 // as last read
	recheck    chan struct{}        // one slot: the autostart entry was written
	settingMu  stdsync.Mutex        // one change of a setting at a time
	background stdsync.WaitGroup
}

func newFace(c Controller, o Options) *face {
	f := &face{controller: c, options: o, recheck: make(chan struct{}, 1), panels: make(chan chan<- struct{})}
	f.readAutostart()
	f.painter = newPainter(f.view())
	return f
}

// panelCame has the menu made anew for another panel than before, and waits for
// that or the end of ctx.
func (f *face) panelCame(ctx context.Context) {
	made := make(chan struct{})
	select {
	case f.panels <- made:
	case <-ctx.Done():
		return
	}
	select {
	case <-made:
	case <-ctx.Done():
	}
}

// close waits for everything the face started.
func (f *face) close() {
	f.painter.close()
	f.background.Wait()
}

func (f *face) view() menu {
	return view(scene{
		state: f.controller.State(), notes: f.options.Desk.Notes(), autostart: f.autostart,
		now: time.Now(), Book: f.options.Book,
	})
}

// serve paints and obeys until ctx is done, lost delivers, or the person quits,
// and reports whether lost was the reason.
func (f *face) serve(ctx context.Context, lost <-chan struct{}) bool {
	changed := f.options.Changed
	timer := time.NewTimer(0) // paint at once
	defer timer.Stop()
	var painted, due time.Time
	for {
		select {
		case <-ctx.Done():
			return false
		case <-lost:
			return true
		case n := <-f.painter.clicks:
			l := f.painter.clicked(n)
			if l.do == quit {
				return false
			}
			f.obey(l)
			continue
		case _, ok := <-changed:
			if !ok { // the subscription was closed: what is shown stays
				changed = nil
				continue
			}
			due = earliest(due, painted.Add(paintGap))
		case <-f.options.Noted:
			due = earliest(due, painted.Add(paintGap))
		case <-systray.TrayOpenedCh:
			f.readAutostart()
			due = earliest(due, painted.Add(paintGap))
		case made := <-f.panels:
			f.painter.rebuild()
			close(made)
			continue
		case <-f.recheck:
			f.readAutostart()
			due = earliest(due, painted.Add(paintGap))
		case <-timer.C:
			m := f.view()
			if err := f.painter.paint(m); err != nil {
				f.options.Logger.Debug("icon not painted", "err", err)
			}
			painted, due = time.Now(), m.stale
			if soonest := painted.Add(refreshGap); !due.IsZero() && due.Before(soonest) {
				due = soonest
			}
		}
		if due.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(due))
		}
	}
}

// obey does what a click asks for. What may take time runs beside the loop.
func (f *face) obey(l line) {
	switch l.do {
	case syncNow:
		f.controller.SyncNow(l.endpoint)
	case pause:
		f.controller.PauseUntil(l.endpoint, l.length.until(time.Now()))
	case resume:
		f.controller.Resume(l.endpoint)
	case openLog:
		f.options.Desk.OpenLog(l.endpoint)
	case act:
		f.options.Desk.Act(l.endpoint, l.action)
	case toggleAutostart:
		f.background.Go(func() { f.setAutostart(!l.checked) })
	case toggleNewMail:
		f.background.Go(func() { f.set("notify of new mail", f.controller.SetNotifyNewMail, !l.checked) })
	case toggleMetered:
		f.background.Go(func() { f.set("sync on metered networks", f.controller.SetSyncMetered, !l.checked) })
	case openConfig:
		f.options.Desk.EditConfig()
	case about:
		f.options.Desk.About()
	}
}

func (f *face) set(what string, set func(bool) error, on bool) {
	f.settingMu.Lock()
	defer f.settingMu.Unlock()
	if err := set(on); err != nil {
		f.options.Logger.Error("a setting was not changed", "setting", what, "on", on, "err", err)
	}
}

func (f *face) setAutostart(on bool) {
	f.set("start at login", f.options.Autostart.Set, on)
	select {
	case f.recheck <- struct{}{}:
	default:
	}
}

func (f *face) readAutostart() {
	on, err := f.options.Autostart.Enabled()
	if err != nil {
		f.options.Logger.Warn("start at login not known", "err", err)
	}
	f.autostart = on
}
