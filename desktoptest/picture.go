package desktoptest

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"slices"
)

// PanelAt is where the panel's icons are, width pixels of it.
func (d *Desktop) PanelAt(width int) image.Rectangle { return image.Rect(0, 0, width, panelHeight) }

// PopupAt waits until so many popups are drawn, and returns where.
func (d *Desktop) PopupAt(count int) image.Rectangle {
	d.t.Helper()
	by, pattern := "--name", "^xfce4-notifyd$"
	if d.notifier == Dunst {
		by, pattern, count = "--class", "Dunst", 1 // one window has them all
	}
	var box image.Rectangle
	var last []byte
	Until(d.t, "popups on the screen", func() bool {
		windows := d.windows(by, pattern)
		img := d.screen()
		same := bytes.Equal(last, img.Pix)
		last = img.Pix
		box = image.Rectangle{}
		for _, w := range windows {
			box = box.Union(w)
		}
		return len(windows) == count && same && box.Dy() > 20
	})
	return box
}

// NoPopup waits until no popup is on the screen.
func (d *Desktop) NoPopup() {
	d.t.Helper()
	Until(d.t, "no popup on the screen", func() bool {
		return len(d.windows("--name", "^xfce4-notifyd$")) == 0 && len(d.windows("--class", "Dunst")) == 0
	})
}

// Picture keeps a part of the screen as a PNG, with as few colours as it has.
func (d *Desktop) Picture(path string, box image.Rectangle) {
	d.t.Helper()
	d.Pictures(path, []image.Image{d.Look(box)})
}

// Look returns what is in a part of the screen now.
func (d *Desktop) Look(box image.Rectangle) image.Image {
	d.t.Helper()
	return d.screen().SubImage(box)
}

// Pictures keeps several beside one another as one PNG.
func (d *Desktop) Pictures(path string, parts []image.Image) {
	d.t.Helper()
	var size image.Point
	for _, p := range parts {
		size = image.Pt(size.X+p.Bounds().Dx(), max(size.Y, p.Bounds().Dy()))
	}
	all := image.NewNRGBA(image.Rectangle{Max: size})
	x := 0
	for _, p := range parts {
		draw.Draw(all, image.Rect(x, 0, x+p.Bounds().Dx(), p.Bounds().Dy()), p, p.Bounds().Min, draw.Src)
		x += p.Bounds().Dx()
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, paletted(all)); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// paletted is img with a palette, where it has few enough colours for one.
func paletted(img *image.NRGBA) image.Image {
	seen := make(map[color.NRGBA]bool)
	var palette color.Palette
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			c := img.NRGBAAt(x, y)
			if !seen[c] {
				seen[c] = true
				palette = append(palette, c)
			}
		}
	}
	if len(palette) > 256 {
		return img
	}
	slices.SortFunc(palette, func(a, b color.Color) int {
		x, y := a.(color.NRGBA), b.(color.NRGBA)
		return bytes.Compare([]byte{x.R, x.G, x.B, x.A}, []byte{y.R, y.G, y.B, y.A})
	})
	out := image.NewPaletted(img.Rect, palette)
	draw.Draw(out, out.Rect, img, image.Point{}, draw.Src)
	return out
}
