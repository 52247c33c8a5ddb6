//go:build linux

package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"slices"
	"time"
)

// bar is one time of a plot; those of a group stand together.
type bar struct {
	group, name string
	value       time.Duration
}

// Lengths of a plot, in its own units.
const (
	plotWidth = 760
	labels    = 210 // room for names
	figures   = 80  // room for figures behind the bars
	barHeight = 18
	barApart  = 24
)

// plot draws the table's bars as SVG, on a scale of powers of ten where some would
// else be too short to be seen. The page behind shows through; text follows the
// reader's choice of light or dark.
func (t *table) plot() []byte {
	least, most := time.Duration(math.MaxInt64), time.Duration(1)
	var groups []string
	for _, b := range t.bars {
		least, most = min(least, max(b.value, 1)), max(most, b.value)
		if !slices.Contains(groups, b.group) {
			groups = append(groups, b.group)
		}
	}
	logarithmic := most > 50*least
	floor := math.Floor(math.Log10(float64(least)) - 0.2)
	length := func(d time.Duration) float64 {
		const room = plotWidth - labels - figures
		if logarithmic {
			return room * max(0.005, (math.Log10(float64(max(d, 1)))-floor)/(math.Log10(float64(most))-floor))
		}
		return room * float64(d) / float64(most)
	}
	var b bytes.Buffer
	y := 34
	for _, group := range groups {
		if group != "" {
			fmt.Fprintf(&b, "<text class=\"group\" x=\"0\" y=\"%d\">%s</text>\n", y+13, html.EscapeString(group))
			y += barApart
		}
		for _, bar := range t.bars {
			if bar.group != group {
				continue
			}
			class := "other"
			if len(bar.name) >= 3 && bar.name[:3] == "smd" {
				class = "ours"
			}
			w := length(bar.value)
			fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", labels-8, y+13, html.EscapeString(bar.name))
			fmt.Fprintf(&b, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n", class, labels, y, w, barHeight)
			fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%d\">%s</text>\n", labels+w+6, y+13, seconds(bar.value))
			y += barApart
		}
		y += 8
	}
	title := t.title
	if logarithmic {
		title += " (each tenfold is as wide)"
	}
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">
<style>
text { font: 13px sans-serif; fill: #24292f }
.title, .group { font-weight: bold }
.ours { fill: #1a7f64 }
.other { fill: #8c959f }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.ours { fill: #3fb594 }
.other { fill: #6e7681 }
}
</style>
<text class="title" x="0" y="16">%s</text>
%s</svg>
`, plotWidth, y, plotWidth, y, html.EscapeString(title), html.EscapeString(title), b.Bytes())
}
