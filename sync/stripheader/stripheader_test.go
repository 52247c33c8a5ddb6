package stripheader_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/stripheader"
)

// plainly is Copy as one would write it for a message held in memory.
func plainly(message, name string) (string, int) {
	var out strings.Builder
	removed, leave, inBody := 0, false, false
	for line := range strings.Lines(message) {
		switch {
		case inBody:
		case line == "\n" || line == "\r\n":
			inBody, leave = true, false
		case strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"):
		default:
			field, _, found := strings.Cut(line, ":")
			if leave = found && strings.EqualFold(field, name); leave {
				removed++
			}
		}
		if !leave {
			out.WriteString(line)
		}
	}
	return out.String(), removed
}

func TestCopy(t *testing.T) {
	t.Parallel()
	line := rapid.OneOf(
		rapid.SampledFrom([]string{"X-A: 1", "x-a:", "X-A", "X-AB: 2", "Subject: s", " folded", "\tfolded", "", "\r", " ", ":"}),
		rapid.Map(rapid.IntRange(4000, 9000), func(n int) string { return "X-A: " + strings.Repeat("long ", n/5) }),
		rapid.Map(rapid.IntRange(4000, 9000), func(n int) string { return " " + strings.Repeat("x", n) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		message := strings.Join(rapid.SliceOf(line).Draw(t, "lines"), "\n")
		if rapid.Bool().Draw(t, "ends with a newline") {
			message += "\n"
		}
		want, wantRemoved := plainly(message, "X-A")
		var got bytes.Buffer
		removed, err := stripheader.Copy(&got, strings.NewReader(message), "X-A")
		if err != nil || removed != wantRemoved || got.String() != want {
			t.Fatalf("%d removed, %v:\n%q\nwant %d:\n%q", removed, err, got.String(), wantRemoved, want)
		}
	})
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for name, good := range map[string]bool{"X-OfflineIMAP": true, "": false, "X:": false, "a b": false, "a\n": false, "ü": false} {
		if err := stripheader.CheckName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}
