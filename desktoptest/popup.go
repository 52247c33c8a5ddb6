package desktoptest

import (
	"image"
	"image/color"
	"slices"
	stdsync "sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

const notificationsName = "org.freedesktop.Notifications"

// Notification is a popup as an application asked for it.
type Notification struct {
	ID       uint32 // given by the daemon; 0 until it has answered
	Replaces uint32
	App      string
	Icon     string
	Summary  string
	Body     string
	Actions  []string // key, label, key, label …
	Hints    map[string]dbus.Variant
	Timeout  int32

	Invoked string // the key of the action that was chosen
	Closed  bool   // by the daemon or the application
}

// popups records the popups by listening to everything on the bus.
type popups struct {
	mu      stdsync.Mutex
	all     []Notification
	pending map[call]int      // index in all of what waits for its id
	layouts map[[2]string]int // how often the first asked the second for its menu
}

// call identifies a method call until its reply.
type call struct {
	sender string
	serial uint32
}

func watchPopups(t testing.TB, b *Bus) *popups {
	t.Helper()
	conn := b.Connect(t)
	heard := make(chan *dbus.Message, 4096)
	rules := []string{"interface='" + notificationsName + "'", "type='method_return'", "interface='" + menuName + "',member='GetLayout'"}
	if err := conn.BusObject().Call("org.freedesktop.DBus.Monitoring.BecomeMonitor", 0, rules, uint32(0)).Err; err != nil {
		t.Fatalf("listen to the bus: %v", err)
	}
	conn.Eavesdrop(heard)
	p := &popups{pending: map[call]int{}, layouts: map[[2]string]int{}}
	var listening stdsync.WaitGroup
	listening.Go(func() {
		for {
			select {
			case m, ok := <-heard:
				if !ok {
					return
				}
				p.hear(m)
			case <-conn.Context().Done():
				return
			}
		}
	})
	t.Cleanup(func() {
		conn.Close()
		listening.Wait()
	})
	return p
}

func (p *popups) hear(m *dbus.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	member, _ := m.Headers[dbus.FieldMember].Value().(string)
	switch {
	case m.Type == dbus.TypeMethodCall && member == "GetLayout":
		sender, _ := m.Headers[dbus.FieldSender].Value().(string)
		asked, _ := m.Headers[dbus.FieldDestination].Value().(string)
		p.layouts[[2]string{sender, asked}]++
	case m.Type == dbus.TypeMethodCall && member == "Notify":
		var n Notification
		if dbus.Store(m.Body, &n.App, &n.Replaces, &n.Icon, &n.Summary, &n.Body, &n.Actions, &n.Hints, &n.Timeout) != nil {
			return // not a popup that a daemon would show either
		}
		p.all = append(p.all, n)
		sender, _ := m.Headers[dbus.FieldSender].Value().(string)
		p.pending[call{sender, m.Serial()}] = len(p.all) - 1
	case m.Type == dbus.TypeMethodReply:
		caller, _ := m.Headers[dbus.FieldDestination].Value().(string)
		serial, _ := m.Headers[dbus.FieldReplySerial].Value().(uint32)
		if i, waits := p.pending[call{caller, serial}]; waits && len(m.Body) == 1 {
			p.all[i].ID, _ = m.Body[0].(uint32)
			delete(p.pending, call{caller, serial})
		}
	case m.Type == dbus.TypeSignal && (member == "ActionInvoked" || member == "NotificationClosed") && len(m.Body) == 2:
		id, _ := m.Body[0].(uint32)
		for i := range p.all {
			if p.all[i].ID != id {
				continue
			}
			if member == "ActionInvoked" {
				p.all[i].Invoked, _ = m.Body[1].(string)
			} else {
				p.all[i].Closed = true
			}
		}
	}
}

// knowsMenu reports whether the panel has asked for all of the item's menu: it asks
// for the top first.
func (d *Desktop) knowsMenu(item *Item) bool {
	panel, owner := d.owner(watcherName), d.owner(item.name)
	d.popups.mu.Lock()
	defer d.popups.mu.Unlock()
	return d.popups.layouts[[2]string{panel, owner}]+d.popups.layouts[[2]string{panel, item.name}] > 1
}

// Notifications returns every popup so far, the oldest first.
func (d *Desktop) Notifications() []Notification {
	d.popups.mu.Lock()
	defer d.popups.mu.Unlock()
	return slices.Clone(d.popups.all)
}

// WaitNotification waits for a popup the daemon has taken and that matches, be
// it one of before, and returns the latest.
func (d *Desktop) WaitNotification(what string, matches func(Notification) bool) Notification {
	d.t.Helper()
	var found Notification
	Until(d.t, "a popup: "+what, func() bool {
		for _, n := range slices.Backward(d.Notifications()) {
			if n.ID != 0 && matches(n) {
				found = n
				return true
			}
		}
		return false
	})
	return found
}

// ClickPopup clicks a popup's button with the mouse and waits until the daemon
// has told of it. No other popup may be on the screen, and the daemon must be
// [XfceNotifyd].
func (d *Desktop) ClickPopup(n Notification, label string) {
	d.t.Helper()
	var keys, labels []string
	for i := 0; i+1 < len(n.Actions); i += 2 {
		if n.Actions[i] != "default" { // a click on the popup itself
			keys, labels = append(keys, n.Actions[i]), append(labels, n.Actions[i+1])
		}
	}
	place := slices.Index(labels, label)
	if place < 0 {
		d.t.Fatalf("the popup %q has the buttons %q, not %q", n.Summary, labels, label)
	}
	var last []image.Rectangle
	Until(d.t, "the popup's buttons on the screen", func() bool {
		windows := d.windows("--name", string(XfceNotifyd))
		if len(windows) != 1 {
			return false
		}
		found := buttons(d.screen(), windows[0])
		still := slices.Equal(found, last)
		last = found
		return still && len(found) == len(labels)
	})
	foot := last[place].Max.Sub(image.Pt(last[place].Dx()/2, buttonFoot))
	before := d.screen().NRGBAAt(foot.X, foot.Y)
	d.moveTo(middle(last[place]))
	Until(d.t, "the popup's button lights up", func() bool {
		return d.screen().NRGBAAt(foot.X, foot.Y) != before
	})
	d.press()
	d.WaitNotification("answered by "+label, func(answered Notification) bool {
		return answered.ID == n.ID && answered.Invoked == keys[place]
	})
}

// Of a popup's button: the least height, and how far above its foot there is
// no text.
const buttonHeight, buttonFoot = 24, 4

// buttons finds the buttons at the foot of a popup, from left to right: they are
// the lowest that is drawn on its plain background.
func buttons(img *image.NRGBA, popup image.Rectangle) []image.Rectangle {
	inner := popup.Inset(4).Intersect(img.Bounds()) // without the frame
	if inner.Empty() {
		return nil
	}
	corner := img.NRGBAAt(inner.Min.X, inner.Max.Y-1)
	background := func(c color.NRGBA) bool { return near(c, corner) } // shadows belong to it
	bottom := inner.Max.Y - 1
	for bottom > inner.Min.Y && !drawnOn(img, inner, bottom, background) {
		bottom--
	}
	var found []image.Rectangle
	in := false
	for x := inner.Min.X; x < inner.Max.X; x++ {
		drawn := !background(img.NRGBAAt(x, bottom-buttonFoot))
		switch {
		case drawn && in:
			found[len(found)-1].Max.X = x + 1
		case drawn:
			found = append(found, image.Rect(x, bottom-buttonHeight, x+1, bottom+1))
		}
		in = drawn
	}
	return found
}
