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
	nodes  []*node
	built  bool       // the desktop may have it
	clicks chan *node // what was clicked, in order

	stop    chan struct{}
	readers stdsync.WaitGroup
}

// node is an entry as the desktop has it.
type node struct {
	line
	item *systray.MenuItem // nil for a separator
	subs []*node
}

// newPainter builds the menu. Entries are hidden later, never removed; submenus
// may grow.
func newPainter(m menu) *painter {
	p := &painter{shown: m, clicks: make(chan *node, clickBacklog), stop: make(chan struct{})}
	p.nodes = p.level(nil, nil, m.entries)
	p.built = true
	systray.SetIcon(assets.Icon(m.icon))
	systray.SetTooltip(m.tooltip)
	return p
}

// rebuild makes the menu anew for a panel that has just come. Panels of GTK show a
// submenu empty for ever when they learn of it and of what is in it at once, so
// systray tells the first who asks of the top menu alone: the one after needs a
// menu that it knows nothing of.
func (p *painter) rebuild() {
	systray.ResetMenu() // ends the readers
	p.nodes = p.level(nil, nil, p.shown.entries)
}

// level makes the entries of a menu, that of parent or the top one, those wanted.
func (p *painter) level(parent *systray.MenuItem, nodes []*node, wanted []entry) []*node {
	for i, e := range wanted {
		if i == len(nodes) {
			nodes = append(nodes, p.build(parent, e.line))
		}
		n := nodes[i]
		if n.item != nil && n.line != e.line {
			change(n.item, n.line, e.line)
		}
		n.line = e.line
		n.subs = p.level(n.item, n.subs, e.sub)
	}
	for _, n := range nodes[min(len(wanted), len(nodes)):] {
		if n.item != nil && !n.hidden {
			n.hidden = true
			n.item.Hide()
		}
	}
	return nodes
}

// build adds an entry at the end of a menu.
func (p *painter) build(parent *systray.MenuItem, l line) *node {
	n := &node{line: l}
	if l.do == separator {
		systray.AddSeparator() // there are none but in the top menu
		return n
	}
	title := accessible(l.title)
	switch {
	case parent == nil && l.checkbox:
		n.item = systray.AddMenuItemCheckbox(title, "", l.checked)
	case parent == nil:
		n.item = systray.AddMenuItem(title, "")
	case l.checkbox:
		n.item = parent.AddSubMenuItemCheckbox(title, "", l.checked)
	default:
		n.item = parent.AddSubMenuItem(title, "")
	}
	if !p.built {
		// Later it may be read meanwhile; then a reader that only forwards has to do.
		n.item.ClickedCh = make(chan struct{}, entryBacklog)
	}
	if l.disabled {
		n.item.Disable()
	}
	if l.hidden {
		n.item.Hide()
	}
	if l.do != nothing { // what only tells something is never more than that
		p.readers.Go(func() { p.forward(n) })
	}
	return n
}

// forward only forwards: whatever a click does, the next one is taken.
func (p *painter) forward(n *node) {
	for {
		select {
		case _, ok := <-n.item.ClickedCh:
			if !ok {
				return
			}
		case <-p.stop:
			return
		}
		select {
		case p.clicks <- n:
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

// clicked returns the line of an entry, as the person saw it. It does nothing
// when that line is not to be clicked; hosts report such clicks all the same.
func (p *painter) clicked(n *node) line {
	if n.disabled || n.hidden {
		return line{}
	}
	return n.line
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
	p.nodes = p.level(nil, p.nodes, m.entries)
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
		item.SetTitle(accessible(l.title))
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
