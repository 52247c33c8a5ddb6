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

	autostart  bool          // as last read
	recheck    chan struct{} // one slot: the autostart entry was written
	settingMu  stdsync.Mutex // one change of the autostart entry at a time
	background stdsync.WaitGroup
}

func newFace(c Controller, o Options) *face {
	f := &face{controller: c, options: o, recheck: make(chan struct{}, 1)}
	f.readAutostart()
	f.painter = newPainter(f.view())
	return f
}

// close waits for everything the face started, except for a Confirm or Restore
// going on: these end with the controller, which outlives the tray.
func (f *face) close() {
	f.painter.close()
	f.background.Wait()
}

func (f *face) view() menu {
	return view(f.controller.State(), time.Now(), f.autostart)
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
		case place := <-f.painter.clicks:
			l := f.painter.clicked(place)
			if l.do == quit {
				return false
			}
			f.obey(ctx, l)
			continue
		case _, ok := <-changed:
			if !ok { // the subscription was closed: what is shown stays
				changed = nil
				continue
			}
			due = earliest(due, painted.Add(paintGap))
		case <-systray.TrayOpenedCh:
			f.readAutostart()
			due = earliest(due, painted.Add(paintGap))
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
func (f *face) obey(ctx context.Context, l line) {
	log := f.options.Logger
	switch l.do {
	case syncNow:
		f.controller.SyncNow(l.endpoint)
	case pause:
		f.controller.Pause(l.endpoint)
	case resume:
		f.controller.Resume(l.endpoint)
	case confirmHeld:
		go f.settle(l.endpoint, "confirm", f.controller.Confirm)
	case restoreHeld:
		go f.settle(l.endpoint, "restore", f.controller.Restore)
	case openLog:
		f.background.Go(func() {
			if err := f.options.OpenLog(ctx, l.endpoint); err != nil {
				log.Error("the log can't be shown", "endpoint", l.endpoint, "err", err)
			}
		})
	case openConfig:
		f.background.Go(func() {
			if err := f.options.OpenConfig(ctx); err != nil {
				log.Error("the configuration can't be opened", "err", err)
			}
		})
	case toggleAutostart:
		f.background.Go(func() { f.setAutostart(!l.checked) })
	}
}

func (f *face) settle(endpoint, what string, do func(string) error) {
	if err := do(endpoint); err != nil {
		f.options.Logger.Error("held deletions are not settled", "endpoint", endpoint, "wanted", what, "err", err)
	}
}

func (f *face) setAutostart(on bool) {
	f.settingMu.Lock()
	defer f.settingMu.Unlock()
	if err := f.options.Autostart.Set(on); err != nil {
		f.options.Logger.Error("start at login not changed", "on", on, "err", err)
	}
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
