package desktoptest

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"slices"
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
	Label     string // as shown: without the mark of the access key
	AccessKey bool
	Enabled   bool
	Visible   bool
	Checkbox  bool
	Checked   bool
	Separator bool
	Sub       []Entry // what opens beside it
}

// Shown returns those of the entries that a person sees.
func Shown(entries []Entry) []Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return !e.Visible })
}

// Labels returns the labels a person sees in order, "-" for a separator.
func Labels(entries []Entry) []string {
	var labels []string
	for _, e := range Shown(entries) {
		if e.Separator {
			labels = append(labels, "-")
		} else {
			labels = append(labels, e.Label)
		}
	}
	return labels
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
		if entries, err = layout.entries(); err != nil {
			i.t.Fatalf("menu entry: %v", err)
		}
	}
	return entries
}

type menuNode struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

func (n menuNode) entries() ([]Entry, error) {
	var list []Entry
	for _, child := range n.Children {
		var node menuNode
		if err := dbus.Store([]any{child.Value()}, &node); err != nil {
			return nil, err
		}
		e := node.entry()
		var err error
		if e.Sub, err = node.entries(); err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

func (n menuNode) entry() Entry {
	e := Entry{ID: n.ID, Enabled: true, Visible: true}
	if v, ok := n.Properties["label"].Value().(string); ok {
		plain := strings.ReplaceAll(v, "__", "\x00")
		e.AccessKey = strings.Contains(plain, "_")
		e.Label = strings.ReplaceAll(strings.ReplaceAll(plain, "_", ""), "\x00", "_")
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

// Visible returns the entries of the menu itself that a person sees.
func (i *Item) Visible() []Entry {
	i.t.Helper()
	return Shown(i.Menu())
}

// Labels returns the visible entries' labels in order, "-" for a separator.
func (i *Item) Labels() []string {
	i.t.Helper()
	return Labels(i.Menu())
}

// WaitEntry waits for a visible entry with the label; in a submenu where there
// are several, each the label of what opens the next.
func (i *Item) WaitEntry(path ...string) Entry {
	i.t.Helper()
	var found Entry
	Until(i.t, fmt.Sprintf("a menu entry %q", path), func() bool {
		var ok bool
		found, ok = Find(i.Menu(), path...)
		return ok
	})
	return found
}

// Find returns the visible entry at a path of labels.
func Find(entries []Entry, path ...string) (Entry, bool) {
	for _, e := range Shown(entries) {
		switch {
		case e.Label != path[0]:
		case len(path) == 1:
			return e, true
		default:
			return Find(e.Sub, path[1:]...)
		}
	}
	return Entry{}, false
}

// Click clicks an entry the way a panel tells of it, without a mouse.
func (i *Item) Click(path ...string) {
	i.t.Helper()
	i.ClickID(i.WaitEntry(path...).ID)
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
