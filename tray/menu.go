//go:build linux || freebsd || openbsd || netbsd || (darwin && cgo)

package tray

import (
	"fmt"
	stdsync "sync"

	"fyne.io/systray"

	"smd-applet/assets"
)

const (
	// entryBacklog is how many clicks on one entry may wait for its reader to be
	// scheduled. Systray drops a click that does not fit; a place takes no memory.
	entryBacklog = 1024
	// clickBacklog is how many clicks may wait to be obeyed.
	clickBacklog = 64
)

// painter keeps the desktop's copy of a menu the same as ours. It is used by
// one goroutine.
type painter struct {
	shown  menu
	items  []*systray.MenuItem // one for each line; nil for a separator
	clicks chan int            // the places of the lines clicked, in order

	stop    chan struct{}
	readers stdsync.WaitGroup
}

// newPainter builds the menu: entries are hidden later, never added or removed.
func newPainter(m menu) *painter {
	p := &painter{
		shown:  m,
		items:  make([]*systray.MenuItem, len(m.lines)),
		clicks: make(chan int, clickBacklog),
		stop:   make(chan struct{}),
	}
	for i, l := range m.lines {
		if l.do == separator {
			systray.AddSeparator()
			continue
		}
		var item *systray.MenuItem
		if l.checkbox {
			item = systray.AddMenuItemCheckbox(l.title, "", l.checked)
		} else {
			item = systray.AddMenuItem(l.title, "")
		}
		item.ClickedCh = make(chan struct{}, entryBacklog)
		if l.disabled {
			item.Disable()
		}
		if l.hidden {
			item.Hide()
		}
		p.items[i] = item
		p.readers.Go(func() { p.forward(item.ClickedCh, i) })
	}
	systray.SetIcon(assets.Icon(m.icon))
	systray.SetTooltip(m.tooltip)
	return p
}

// forward only forwards: whatever a click does, the next one is taken.
func (p *painter) forward(clicked <-chan struct{}, place int) {
	for {
		select {
		case _, ok := <-clicked:
			if !ok {
				return
			}
		case <-p.stop:
			return
		}
		select {
		case p.clicks <- place:
		case <-p.stop:
			return
		}
	}
}

// close waits for the readers of clicks.
func (p *painter) close() {
	close(p.stop)
	p.readers.Wait()
}

// clicked returns the line at a place, as the person saw it. It does nothing
// when that line is not to be clicked; hosts report such clicks all the same.
func (p *painter) clicked(place int) line {
	l := p.shown.lines[place]
	if l.disabled || l.hidden {
		return line{}
	}
	return l
}

// paint sends what differs between m and what is shown.
func (p *painter) paint(m menu) (err error) {
	// Systray panics when it sets the icon on a connection that was lost. It has
	// noted the icon by then, and hands it to the next connection.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("paint the tray: %v", r)
		}
	}()
	old := p.shown
	p.shown = m
	for i, l := range m.lines {
		if p.items[i] != nil && l != old.lines[i] {
			change(p.items[i], old.lines[i], l)
		}
	}
	if m.tooltip != old.tooltip {
		systray.SetTooltip(m.tooltip)
	}
	if m.icon != old.icon {
		systray.SetIcon(assets.Icon(m.icon))
	}
	return nil
}

func change(item *systray.MenuItem, old, l line) {
	if l.title != old.title {
		item.SetTitle(l.title)
	}
	if l.checked != old.checked {
		if l.checked {
			item.Check()
		} else {
			item.Uncheck()
		}
	}
	if l.disabled != old.disabled {
		if l.disabled {
			item.Disable()
		} else {
			item.Enable()
		}
	}
	if l.hidden != old.hidden {
		if l.hidden {
			item.Hide()
		} else {
			item.Show()
		}
	}
}
