// Package assets holds the icons: the panel's and the popups', embedded in the
// program, and the application's, which packages install into the icon theme.
//
// The sources are svg/*.svg. "go generate ./assets" draws png/*.png from them
// with rsvg-convert (Debian: librsvg2-bin); both are committed. The panel icons
// are drawn on a grid of 22 × 22 units, so that at 22 pixels every edge falls
// between two of them, and tell the states apart by shape, not by colour alone.
package assets

//go:generate go run ./render

import (
	"embed"
	"fmt"
)

//go:embed png/*-22.png
var panel embed.FS

// Application is the program's own icon for popups, a PNG of 64 × 64 pixels.
//
//go:embed png/smd-applet-64.png
var Application []byte

// Icon returns the panel icon called name, "idle", "syncing", "paused",
// "offline" or "attention", as a PNG of 22 × 22 pixels, each of them opaque or
// fully transparent. It is an error of the program to ask for another name; it
// gets the icon of "attention".
func Icon(name string) []byte {
	icon, err := panel.ReadFile(fileOf(name))
	if err != nil {
		icon, _ = panel.ReadFile(fileOf("attention"))
	}
	return icon
}

func fileOf(name string) string { return fmt.Sprintf("png/%s-22.png", name) }
