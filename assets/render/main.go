// Command render draws the PNGs of package assets from their SVG sources, with
// rsvg-convert (Debian: librsvg2-bin). Run it as "go generate ./assets".
package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// application is the icon that goes to the icon theme; every other one is for
// the panel.
const application = "smd-applet"

var (
	panelSizes       = []int{22, 24, 32, 48}
	applicationSizes = []int{24, 32, 48, 64, 128, 256}
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("render: ")
	sources, err := filepath.Glob("svg/*.svg")
	if err != nil || len(sources) == 0 {
		log.Fatal("no svg/*.svg here: run it as go generate ./assets")
	}
	for _, source := range sources {
		name := strings.TrimSuffix(filepath.Base(source), ".svg")
		sizes := panelSizes
		switch name {
		case application:
			sizes = applicationSizes
		case application + "-symbolic":
			continue // a theme draws it itself, in its colours
		}
		for _, size := range sizes {
			if err := draw(source, name, size); err != nil {
				log.Fatal(err)
			}
		}
	}
}

func draw(source, name string, size int) error {
	edge := strconv.Itoa(size)
	drawn, err := exec.Command("rsvg-convert", "-w", edge, "-h", edge, source).Output()
	if err != nil {
		return fmt.Errorf("draw %s: %w", source, err)
	}
	img, err := png.Decode(bytes.NewReader(drawn))
	if err != nil {
		return fmt.Errorf("draw %s: %w", source, err)
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, hardEdged(img)); err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return os.WriteFile(filepath.Join("png", name+"-"+edge+".png"), out.Bytes(), 0o644)
}

// hardEdged makes every pixel opaque or fully transparent. The tray takes
// pixels with alpha multiplied in for plain ones, and shows half transparent
// ones too dark.
func hardEdged(img image.Image) image.Image {
	out := image.NewNRGBA(img.Bounds())
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			if c.A >= 0x80 {
				c.A = 0xff
				out.SetNRGBA(x, y, c)
			}
		}
	}
	return out
}
