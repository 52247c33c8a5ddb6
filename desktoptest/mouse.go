package desktoptest

import (
	"fmt"
	"image"
	"image/color"
	"slices"
	"time"
)

// Click opens the item's menu with the mouse and clicks the entry with the label;
// of a submenu where there are several labels. A menu that changes just then may
// take no notice of a click and stay open: as a person would, it closes that menu
// and clicks again.
func (d *Desktop) Click(item *Item, path ...string) {
	d.t.Helper()
	Until(d.t, fmt.Sprintf("a click on %q closes the menu", path), func() bool {
		d.t.Helper()
		d.PointAt(item, path...)
		d.press()
		if holdsWithin(10*time.Second, func() bool { return len(d.menus()) == 0 }) {
			return true
		}
		d.t.Logf("a click on %q left the menu open", path)
		d.CloseMenu()
		return false
	})
}

// PointAt opens the item's menu with the mouse and moves on to the entry with
// the label, through submenus where there are several. [Desktop.Press] clicks it.
// Where the menu changes under the mouse it is opened anew, as a person would.
func (d *Desktop) PointAt(item *Item, path ...string) {
	d.t.Helper()
	Until(d.t, fmt.Sprintf("the entry %q lights up", path), func() bool {
		d.t.Helper()
		item.WaitEntry(path...)
		if d.pointAt(item, path) {
			return true
		}
		d.CloseMenu()
		return false
	})
}

func (d *Desktop) pointAt(item *Item, path []string) bool {
	d.t.Helper()
	box := d.OpenMenu(item)
	entries := item.Visible()
	opened := []image.Rectangle{box}
	for depth, label := range path {
		row, found := d.rowOf(entries, box, label)
		if !found {
			return false
		}
		before := d.screen().NRGBAAt(row.X, row.Y)
		// GTK takes a click only where it has seen the mouse: the entry lights up. A
		// mouse that comes to a menu just drawn may have to move a little for that.
		still := row
		lit := holdsWithin(10*time.Second, func() bool {
			d.moveTo(still)
			still.Y = 2*row.Y + 1 - still.Y
			return d.screen().NRGBAAt(row.X, row.Y) != before
		})
		if !lit {
			return false
		}
		if depth == len(path)-1 {
			return true
		}
		entry, _ := Find(entries, label)
		entries = Shown(entry.Sub)
		if box, found = d.openBeside(row, opened, len(entries)); !found {
			return false
		}
		opened = append(opened, box)
	}
	return true
}

// OpenSubmenu opens the item's menu and the submenu with the label, and returns
// where both are.
func (d *Desktop) OpenSubmenu(item *Item, label string) image.Rectangle {
	d.t.Helper()
	entry := item.WaitEntry(label)
	d.PointAt(item, label)
	top := d.menus()
	beside, open := d.openBeside(d.mouse, top, len(Shown(entry.Sub)))
	if !open {
		d.t.Fatalf("the submenu %q does not open", label)
	}
	return top[0].Union(beside)
}

// openBeside opens the submenu of the entry at a point, waits until it is drawn,
// and returns where it is. A mouse that rests on the entry opens it as well, and a
// click just then closes it again: as a person would, it clicks again.
func (d *Desktop) openBeside(at image.Point, opened []image.Rectangle, want int) (image.Rectangle, bool) {
	d.t.Helper()
	open := holdsWithin(15*time.Second, func() bool {
		if len(d.menus()) == len(opened) {
			d.moveTo(at)
			d.press()
		}
		return holdsWithin(2*time.Second, func() bool { return len(d.menus()) > len(opened) })
	})
	if !open {
		return image.Rectangle{}, false
	}
	return d.waitDrawn(opened, want)
}

// waitDrawn waits until one more menu than those opened is drawn: there, with all
// rows, and these in the same places twice. It returns where, and false when that
// does not come about, as with a menu that changed meanwhile.
func (d *Desktop) waitDrawn(opened []image.Rectangle, want int) (image.Rectangle, bool) {
	d.t.Helper()
	var box image.Rectangle
	var last []row
	drawn := holdsWithin(15*time.Second, func() bool {
		menus := slices.DeleteFunc(d.menus(), func(m image.Rectangle) bool { return slices.Contains(opened, m) })
		if len(menus) != 1 {
			return false
		}
		found := rows(d.screen(), menus[0])
		same := menus[0] == box && slices.Equal(last, found)
		box, last = menus[0], found
		return same && len(found) == want
	})
	return box, drawn
}

// Press clicks where the mouse is.
func (d *Desktop) Press() {
	d.t.Helper()
	d.press()
}

// OpenMenu opens the item's menu with the mouse, waits until it is drawn, and
// returns where it is.
func (d *Desktop) OpenMenu(item *Item) image.Rectangle {
	d.t.Helper()
	icon := middle(d.IconAt(item))
	var box image.Rectangle
	Until(d.t, "the menu on the screen", func() bool {
		d.t.Helper()
		want := len(item.Visible())
		if len(d.menus()) == 0 { // a panel just started misses clicks
			d.moveTo(icon)
			d.press()
		}
		open := holdsWithin(5*time.Second, func() bool {
			menus := d.menus()
			if len(menus) == 1 {
				box = menus[0]
			}
			return len(menus) == 1
		})
		if !open {
			return false
		}
		// Off the icon, whose tooltip would come up over the menu, to where the menu
		// has no entry.
		d.moveTo(image.Pt(box.Max.X-8, box.Min.Y+1))
		var drawn bool
		if box, drawn = d.waitDrawn(nil, want); !drawn {
			d.CloseMenu()
		}
		return drawn
	})
	return box
}

// CloseMenu closes an open menu, and its submenus, without choosing from it.
func (d *Desktop) CloseMenu() {
	d.t.Helper()
	Until(d.t, "Escape closes the menu", func() bool {
		open := len(d.menus())
		if open == 0 {
			return true
		}
		d.tool("xdotool", "key", "Escape")
		holdsWithin(5*time.Second, func() bool { return len(d.menus()) < open })
		return false
	})
}

// lowestMenu is less than three entries high, and more than the panel and a
// tooltip are.
const lowestMenu = 60

// menus are the open menus. The panel's own window has the same class, but is
// lower.
func (d *Desktop) menus() []image.Rectangle {
	var menus []image.Rectangle
	for _, class := range []string{"wrapper", "xfce4-panel"} {
		for _, box := range d.windows("--class", class) {
			if box.Dy() > lowestMenu && box.Dx() > 50 && !slices.Contains(menus, box) {
				menus = append(menus, box)
			}
		}
	}
	return menus
}

// rowOf returns a point in the middle of the entry's row, beside its text, if the
// menu on the screen has as many rows as there are entries.
func (d *Desktop) rowOf(entries []Entry, box image.Rectangle, label string) (image.Point, bool) {
	d.t.Helper()
	found := rows(d.screen(), box)
	place := slices.IndexFunc(entries, func(e Entry) bool { return e.Label == label })
	if place < 0 || len(found) != len(entries) {
		return image.Point{}, false
	}
	return image.Pt(box.Max.X-8, (found[place].first+found[place].last)/2), true
}

// row is the lines of pixels something is drawn on.
type row struct{ first, last int }

// rows finds the entries of a menu by what is drawn on its plain background.
func rows(img *image.NRGBA, box image.Rectangle) []row {
	inner := box.Inset(3).Intersect(img.Bounds()) // without the frame
	if inner.Empty() {
		return nil
	}
	background := img.NRGBAAt(inner.Max.X-1, inner.Min.Y)
	var found []row
	inRow := false
	for y := inner.Min.Y; y < inner.Max.Y; y++ {
		// Exactly the background: the separators of a dark theme are faint.
		drawn := drawnOn(img, inner, y, func(c color.NRGBA) bool { return c == background })
		switch {
		case drawn && inRow:
			found[len(found)-1].last = y
		case drawn:
			found = append(found, row{y, y})
		}
		inRow = drawn
	}
	return found
}

// drawnOn reports whether a line of pixels of box is not all background.
func drawnOn(img *image.NRGBA, box image.Rectangle, y int, background func(color.NRGBA) bool) bool {
	for x := box.Min.X; x < box.Max.X; x++ {
		if !background(img.NRGBAAt(x, y)) {
			return true
		}
	}
	return false
}
