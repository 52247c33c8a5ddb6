package desktoptest

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

const (
	itemPath = "/StatusNotifierItem"
	menuPath = "/StatusNotifierItem/menu"
	menuName = "com.canonical.dbusmenu"
)

// Item is the icon and menu of an applet, asked over the bus.
type Item struct {
	t    testing.TB
	conn *dbus.Conn
	name string
}

// Entry is a line of an applet's menu.
type Entry struct {
	ID        int32
	Label     string // as shown: "__" is one "_"
	Enabled   bool
	Visible   bool
	Checkbox  bool
	Checked   bool
	Separator bool
}

// Item returns the icon of the process pid, which may come later.
func (b *Bus) Item(t testing.TB, pid int) *Item {
	t.Helper()
	return &Item{t: t, conn: b.Connect(t), name: fmt.Sprintf("org.kde.StatusNotifierItem-%d-1", pid)}
}

// WaitExported waits until the icon and its menu can be asked for.
func (i *Item) WaitExported() {
	i.t.Helper()
	Until(i.t, "an icon on the bus", func() bool {
		_, err := i.property("Id")
		return err == nil
	})
}

// ID is what panels know the applet by.
func (i *Item) ID() string { return i.text("Id") }

// Title is the applet's name.
func (i *Item) Title() string { return i.text("Title") }

// Tooltip is the text shown beside the icon.
func (i *Item) Tooltip() string {
	i.t.Helper()
	value, err := i.property("ToolTip")
	if err != nil {
		i.t.Fatalf("tooltip: %v", err)
	}
	var tooltip struct {
		Icon     string
		Pictures []pixmap
		Title    string
		Text     string
	}
	if err := dbus.Store([]any{value.Value()}, &tooltip); err != nil {
		i.t.Fatalf("tooltip: %v", err)
	}
	return tooltip.Title
}

type pixmap struct {
	W, H int32
	ARGB []byte
}

// Icon is the picture the applet shows.
func (i *Item) Icon() image.Image {
	i.t.Helper()
	value, err := i.property("IconPixmap")
	if err != nil {
		i.t.Fatalf("icon: %v", err)
	}
	var pictures []pixmap
	if err := dbus.Store([]any{value.Value()}, &pictures); err != nil || len(pictures) != 1 {
		i.t.Fatalf("icon: %d pictures, %v", len(pictures), err)
	}
	p := pictures[0]
	img := image.NewNRGBA(image.Rect(0, 0, int(p.W), int(p.H)))
	for n := range int(p.W * p.H) {
		px := p.ARGB[4*n:]
		img.SetNRGBA(n%int(p.W), n/int(p.W), color.NRGBA{R: px[1], G: px[2], B: px[3], A: px[0]})
	}
	return img
}

// ShowsIcon reports whether the picture is that of the PNG.
func (i *Item) ShowsIcon(png []byte) bool {
	i.t.Helper()
	want, _, err := image.Decode(bytes.NewReader(png))
	if err != nil {
		i.t.Fatal(err)
	}
	got := i.Icon()
	if got.Bounds() != want.Bounds() {
		return false
	}
	for y := range want.Bounds().Dy() {
		for x := range want.Bounds().Dx() {
			if color.NRGBAModel.Convert(want.At(x, y)) != color.NRGBAModel.Convert(got.At(x, y)) {
				return false
			}
		}
	}
	return true
}

// Menu returns all entries, hidden ones too.
func (i *Item) Menu() []Entry {
	i.t.Helper()
	var entries []Entry
	// The first answer of a systray menu has no submenus: it is asked twice.
	for range 2 {
		var revision uint32
		var layout menuNode
		err := i.menu().Call(menuName+".GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &layout)
		if err != nil {
			i.t.Fatalf("menu layout: %v", err)
		}
		entries = entries[:0]
		for _, child := range layout.Children {
			var node menuNode
			if err := dbus.Store([]any{child.Value()}, &node); err != nil {
				i.t.Fatalf("menu entry: %v", err)
			}
			entries = append(entries, node.entry())
		}
	}
	return entries
}

type menuNode struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

func (n menuNode) entry() Entry {
	e := Entry{ID: n.ID, Enabled: true, Visible: true}
	if v, ok := n.Properties["label"].Value().(string); ok {
		e.Label = strings.ReplaceAll(v, "__", "_")
	}
	if v, ok := n.Properties["enabled"].Value().(bool); ok {
		e.Enabled = v
	}
	if v, ok := n.Properties["visible"].Value().(bool); ok {
		e.Visible = v
	}
	e.Checkbox = n.Properties["toggle-type"].Value() == "checkmark"
	e.Checked = n.Properties["toggle-state"].Value() == int32(1)
	e.Separator = n.Properties["type"].Value() == "separator"
	return e
}

// Visible returns the entries a person sees.
func (i *Item) Visible() []Entry {
	i.t.Helper()
	var visible []Entry
	for _, e := range i.Menu() {
		if e.Visible {
			visible = append(visible, e)
		}
	}
	return visible
}

// Labels returns the visible entries' labels in order, "-" for a separator.
func (i *Item) Labels() []string {
	i.t.Helper()
	var labels []string
	for _, e := range i.Visible() {
		if e.Separator {
			labels = append(labels, "-")
		} else {
			labels = append(labels, e.Label)
		}
	}
	return labels
}

// WaitEntry waits for a visible entry with the label.
func (i *Item) WaitEntry(label string) Entry {
	i.t.Helper()
	var found Entry
	Until(i.t, fmt.Sprintf("a menu entry %q", label), func() bool {
		for _, e := range i.Visible() {
			if e.Label == label {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// Click clicks an entry the way a panel tells of it, without a mouse.
func (i *Item) Click(label string) {
	i.t.Helper()
	i.ClickID(i.WaitEntry(label).ID)
}

// ClickID clicks the entry, be it visible or not.
func (i *Item) ClickID(id int32) {
	i.t.Helper()
	call := i.menu().Call(menuName+".Event", 0, id, "clicked", dbus.MakeVariant(0), uint32(0))
	var gone dbus.Error
	if errors.As(call.Err, &gone) && gone.Name == "org.freedesktop.DBus.Error.NoReply" {
		return // the click was to quit, and did
	}
	if call.Err != nil {
		i.t.Fatalf("click menu entry %d: %v", id, call.Err)
	}
}

// OpenMenu tells the applet that its menu is being shown.
func (i *Item) OpenMenu() {
	i.t.Helper()
	call := i.menu().Call(menuName+".Event", 0, int32(0), "opened", dbus.MakeVariant(0), uint32(0))
	if call.Err != nil {
		i.t.Fatalf("open the menu: %v", call.Err)
	}
}

func (i *Item) menu() dbus.BusObject { return i.conn.Object(i.name, menuPath) }

func (i *Item) property(name string) (dbus.Variant, error) {
	return i.conn.Object(i.name, itemPath).GetProperty("org.kde.StatusNotifierItem." + name)
}

func (i *Item) text(name string) string {
	i.t.Helper()
	value, err := i.property(name)
	if err != nil {
		i.t.Fatalf("property %s: %v", name, err)
	}
	text, _ := value.Value().(string)
	return text
}
