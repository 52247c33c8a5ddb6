package smd2

import (
	"testing"
	"time"
)

// A line of some speed and a compressor of another, which halves what it is given:
// the quicker way is found, and found again when the line changes.
func TestPace(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	tests := []struct {
		name             string
		line, compressor float64 // bytes a second
		raw              bool
	}{
		{"a slow line", 1 * mb, 100 * mb, false},
		{"a line that compressing doubles", 40 * mb, 200 * mb, false},
		{"a line faster than the compressor", 500 * mb, 100 * mb, true},
	}
	var p pace
	now := time.Unix(0, 0)
	for _, test := range append(tests, tests...) {
		raw := 0
		const frames = 100_000
		for i := range frames {
			const size = 192 << 10
			p.start(now)
			wire, rate := size, test.line
			if p.raw {
				raw++
			} else {
				wire, rate = size/2, min(2*test.line, test.compressor)
			}
			now = now.Add(time.Duration(float64(size) / rate * 1e9))
			p.sent(size, wire, now)
			if i%100 == 0 {
				p.pause(now)
				now = now.Add(time.Hour) // nobody asks for anything
			}
		}
		if share := float64(raw) / frames; test.raw != (share > 0.5) || share > 0.05 && share < 0.9 {
			t.Errorf("%s: %.0f %% is sent as it is", test.name, 100*share)
		}
	}
}
