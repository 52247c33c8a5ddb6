package desktoptest

import (
	"fmt"
	"image"
	"image/color"
	"slices"
	"time"
)

// Click opens the item's menu with the mouse and clicks the entry with the label;
// of a submenu where there are several labels.
func (d *Desktop) Click(item *Item, path ...string) {
	d.t.Helper()
	d.PointAt(item, path...)
	d.press()
	Until(d.t, "the menu closes", func() bool { return len(d.menus()) == 0 })
}

// PointAt opens the item's menu with the mouse and moves on to the entry with
// the label, through submenus where there are several. [Desktop.Press] clicks it.
func (d *Desktop) PointAt(item *Item, path ...string) {
	d.t.Helper()
	item.WaitEntry(path...)
	box := d.OpenMenu(item)
	entries := item.Visible()
	opened := []image.Rectangle{box}
	for depth, label := range path {
		row := d.rowOf(entries, box, label)
		before := d.screen().NRGBAAt(row.X, row.Y)
		// GTK takes a click only where it has seen the mouse: the entry lights up. A
		// mouse that comes to a menu just drawn may have to move a little for that.
		still := row
		Until(d.t, fmt.Sprintf("the entry %q lights up", label), func() bool {
			d.moveTo(still)
			still.Y = 2*row.Y + 1 - still.Y
			return d.screen().NRGBAAt(row.X, row.Y) != before
		})
		if depth == len(path)-1 {
			return
		}
		entry, _ := Find(entries, label)
		entries = Shown(entry.Sub)
		box = d.openBeside(row, opened, len(entries))
		opened = append(opened, box)
	}
}

// OpenSubmenu opens the item's menu and the submenu with the label, and returns
// where both are.
func (d *Desktop) OpenSubmenu(item *Item, label string) image.Rectangle {
	d.t.Helper()
	entry := item.WaitEntry(label)
	d.PointAt(item, label)
	top := d.menus()
	beside := d.openBeside(d.mouse, top, len(Shown(entry.Sub)))
	return top[0].Union(beside)
}

// openBeside opens the submenu of the entry at a point, waits until it is drawn,
// and returns where it is. A mouse that rests on the entry opens it as well, and a
// click just then closes it again: as a person would, it clicks again.
func (d *Desktop) openBeside(at image.Point, opened []image.Rectangle, want int) image.Rectangle {
	d.t.Helper()
	Until(d.t, "a submenu opens", func() bool {
		if len(d.menus()) == len(opened) {
			d.moveTo(at)
			d.press()
		}
		return holdsWithin(2*time.Second, func() bool { return len(d.menus()) > len(opened) })
	})
	return d.waitDrawn(opened, want)
}

// waitDrawn waits until one more menu than those opened is drawn: there, with all
// rows, and these in the same places twice. It returns where.
func (d *Desktop) waitDrawn(opened []image.Rectangle, want int) image.Rectangle {
	d.t.Helper()
	var box image.Rectangle
	var last []row
	Until(d.t, "the menu on the screen", func() bool {
		menus := slices.DeleteFunc(d.menus(), func(m image.Rectangle) bool { return slices.Contains(opened, m) })
		if len(menus) != 1 {
			return false
		}
		found := rows(d.screen(), menus[0])
		same := menus[0] == box && slices.Equal(last, found)
		box, last = menus[0], found
		return same && len(found) == want
	})
	return box
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
	want := len(item.Visible())
	var box image.Rectangle
	Until(d.t, "a menu on the screen", func() bool {
		if len(d.menus()) == 0 { // a panel just started misses clicks
			d.moveTo(icon)
			d.press()
		}
		return holdsWithin(5*time.Second, func() bool {
			menus := d.menus()
			if len(menus) == 1 {
				box = menus[0]
			}
			return len(menus) == 1
		})
	})
	// Off the icon, whose tooltip would come up over the menu, to where the menu
	// has no entry.
	d.moveTo(image.Pt(box.Max.X-8, box.Min.Y+1))
	return d.waitDrawn(nil, want)
}

// CloseMenu closes an open menu, and its submenus, without choosing from it.
func (d *Desktop) CloseMenu() {
	d.t.Helper()
	for open := len(d.menus()); open > 0; open-- {
		d.tool("xdotool", "key", "Escape")
		Until(d.t, "the menu closes", func() bool { return len(d.menus()) < open })
	}
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

// rowOf returns a point in the middle of the entry's row, beside its text.
func (d *Desktop) rowOf(entries []Entry, box image.Rectangle, label string) image.Point {
	d.t.Helper()
	found := rows(d.screen(), box)
	place := slices.IndexFunc(entries, func(e Entry) bool { return e.Label == label })
	if place < 0 || place >= len(found) {
		d.Screenshot("no-such-row")
		d.t.Fatalf("entry %q is number %d of %d rows", label, place, len(found))
	}
	return image.Pt(box.Max.X-8, (found[place].first+found[place].last)/2)
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
