package assets_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/assets"
	"smd-applet/sync"
)

var states = []sync.Overall{sync.Idle, sync.Syncing, sync.Paused, sync.Offline, sync.Attention}

func TestEveryStateHasItsOwnIcon(t *testing.T) {
	t.Parallel()
	seen := map[string]sync.Overall{}
	for _, state := range states {
		icon := string(assets.Icon(string(state)))
		if other, taken := seen[icon]; taken {
			t.Errorf("%s looks like %s", state, other)
		}
		seen[icon] = state
		img := decode(t, []byte(icon))
		if got := img.Bounds().Size(); got != image.Pt(22, 22) {
			t.Errorf("%s: %v pixels, want 22 × 22", state, got)
		}
	}
}

func TestUnknownNameAsksForAttention(t *testing.T) {
	t.Parallel()
	if !bytes.Equal(assets.Icon("no such state"), assets.Icon("attention")) {
		t.Error("an unknown name got another icon than attention")
	}
}

// Systray multiplies half transparent pixels twice, which shows them too dark.
func TestNoPixelIsHalfTransparent(t *testing.T) {
	t.Parallel()
	for _, file := range pngs(t) {
		img := read(t, file)
		for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
			for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
				if _, _, _, a := img.At(x, y).RGBA(); a != 0 && a != 0xffff {
					t.Fatalf("%s: alpha %#x at %d,%d", file, a, x, y)
				}
			}
		}
	}
}

// On a light panel the outline has to stand out, on a dark one the filling: a
// good part of every icon must be far from either background.
func TestLegibleOnLightAndDark(t *testing.T) {
	t.Parallel()
	backgrounds := map[string]color.Gray{"light": {Y: 0xf2}, "dark": {Y: 0x2b}}
	for _, state := range states {
		img := decode(t, assets.Icon(string(state)))
		for name, background := range backgrounds {
			visible := 0
			for y := range 22 {
				for x := range 22 {
					c := img.At(x, y)
					if _, _, _, a := c.RGBA(); a == 0 {
						continue
					}
					gray := color.GrayModel.Convert(c).(color.Gray)
					if d := int(gray.Y) - int(background.Y); d > 60 || d < -60 {
						visible++
					}
				}
			}
			if visible < 22*22/4 {
				t.Errorf("%s on a %s panel: only %d pixels stand out", state, name, visible)
			}
		}
	}
}

// Without colours the states must still differ: as gray images at least a
// twentieth of the pixels does.
func TestStatesDifferInShape(t *testing.T) {
	t.Parallel()
	for i, a := range states {
		for _, b := range states[i+1:] {
			left, right := decode(t, assets.Icon(string(a))), decode(t, assets.Icon(string(b)))
			differ := 0
			for y := range 22 {
				for x := range 22 {
					l := color.GrayModel.Convert(left.At(x, y)).(color.Gray)
					r := color.GrayModel.Convert(right.At(x, y)).(color.Gray)
					if d := int(l.Y) - int(r.Y); d > 40 || d < -40 {
						differ++
					}
				}
			}
			if differ < 22*22/20 {
				t.Errorf("%s and %s differ in %d pixels only", a, b, differ)
			}
		}
	}
}

func TestEverySourceIsDrawn(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Glob("svg/*.svg")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	drawn := strings.Join(pngs(t), "\n")
	for _, source := range sources {
		name := strings.TrimSuffix(filepath.Base(source), ".svg")
		if !strings.HasSuffix(name, "-symbolic") && !strings.Contains(drawn, "png/"+name+"-") {
			t.Errorf("%s is not drawn, run: go generate ./assets", source)
		}
	}
}

func pngs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("png/*.png")
	if err != nil || len(files) == 0 {
		t.Fatalf("no pngs: %v", err)
	}
	return files
}

func read(t *testing.T, file string) image.Image {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, content)
}

func decode(t *testing.T, content []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return img
}
