package desktoptest

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// screenSize is what the X server has, panelHeight what the panel is configured to.
var screenSize = image.Pt(1024, 600)

const panelHeight = 32

// shots is where screenshots go.
type shots struct {
	dir string
}

// newShots makes a folder for screenshots. It stays when the test fails or
// KEEP_SHOTS is set.
func newShots(t testing.TB) *shots {
	t.Helper()
	dir, err := os.MkdirTemp("", "shots-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() || os.Getenv("KEEP_SHOTS") != "" {
			t.Logf("screenshots are in %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	return &shots{dir}
}

// Screenshot keeps a picture of the whole screen as NAME.png in the folder for
// screenshots, and returns its path.
func (d *Desktop) Screenshot(name string) string {
	d.t.Helper()
	path := filepath.Join(d.shots.dir, name+".png")
	var content bytes.Buffer
	if err := png.Encode(&content, d.screen()); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, content.Bytes(), 0o644); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// screen is what can be seen now.
func (d *Desktop) screen() *image.NRGBA {
	d.t.Helper()
	// Not PNG: to decode one takes longer than all the rest.
	pixels := d.tool("import", "-window", "root", "-depth", "8", "rgba:-")
	if len(pixels) != 4*screenSize.X*screenSize.Y {
		d.t.Fatalf("screenshot: %d bytes for %v pixels", len(pixels), screenSize)
	}
	return &image.NRGBA{Pix: pixels, Stride: 4 * screenSize.X, Rect: image.Rectangle{Max: screenSize}}
}

// tool runs a program on the desktop and returns what it prints.
func (d *Desktop) tool(name string, args ...string) []byte {
	d.t.Helper()
	out, err := d.try(name, args...)
	if err != nil {
		d.t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return out
}

func (d *Desktop) try(name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = d.env
	return cmd.Output()
}

// windows returns where the visible windows are whose class or name (xdotool's
// flags) matches.
func (d *Desktop) windows(by, pattern string) []image.Rectangle {
	out, err := d.try("xdotool", "search", "--onlyvisible", by, pattern)
	if err != nil {
		return nil // none matches
	}
	var found []image.Rectangle
	for _, id := range strings.Fields(string(out)) {
		geometry, err := d.try("xdotool", "getwindowgeometry", "--shell", id)
		if err != nil {
			continue // closed meanwhile
		}
		value := map[string]int{}
		for line := range strings.Lines(string(geometry)) {
			key, number, _ := strings.Cut(strings.TrimSpace(line), "=")
			value[key], _ = strconv.Atoi(number) // what is no number is not asked for
		}
		found = append(found, image.Rect(0, 0, value["WIDTH"], value["HEIGHT"]).Add(image.Pt(value["X"], value["Y"])))
	}
	return found
}

// moveTo moves the mouse.
func (d *Desktop) moveTo(p image.Point) {
	d.t.Helper()
	d.mouse = p
	d.tool("xdotool", "mousemove", strconv.Itoa(p.X), strconv.Itoa(p.Y))
}

// press presses and releases the left button where the mouse is.
func (d *Desktop) press() {
	d.t.Helper()
	d.tool("xdotool", "click", "1")
}

// IconAt waits until the item's icon can be seen in the panel, and returns where.
func (d *Desktop) IconAt(item *Item) image.Rectangle {
	d.t.Helper()
	var found image.Rectangle
	Until(d.t, "the icon on the screen", func() bool {
		found = locate(d.screen(), mainColor(item.Icon()))
		return !found.Empty()
	})
	return found
}

// mainColor is the most frequent colour of an icon.
func mainColor(img image.Image) color.NRGBA {
	count := map[color.NRGBA]int{}
	var main color.NRGBA
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			if c.A != 0xff {
				continue
			}
			if count[c]++; count[c] > count[main] {
				main = c
			}
		}
	}
	return main
}

// locate returns the box around all pixels in the panel of nearly the colour;
// empty when they are too few for an icon.
func locate(img *image.NRGBA, want color.NRGBA) image.Rectangle {
	var box image.Rectangle
	seen := 0
	for y := range panelHeight {
		for x := range img.Bounds().Dx() {
			if near(img.NRGBAAt(x, y), want) {
				box = box.Union(image.Rect(x, y, x+1, y+1))
				seen++
			}
		}
	}
	if seen < 20 {
		return image.Rectangle{}
	}
	return box
}

func near(a, b color.NRGBA) bool {
	const tolerance = 6
	for _, d := range []int{int(a.R) - int(b.R), int(a.G) - int(b.G), int(a.B) - int(b.B)} {
		if d > tolerance || d < -tolerance {
			return false
		}
	}
	return true
}

// middle is the point to click in a box.
func middle(r image.Rectangle) image.Point {
	return r.Min.Add(image.Pt(r.Dx()/2, r.Dy()/2))
}
