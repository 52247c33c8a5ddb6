package phrase

import (
	"strings"
	"unicode"
)

// Clip makes one line of s, of at most longest characters. Errors quote file names
// and what other machines said: whatever does not print becomes a space.
func Clip(s string, longest int) string {
	printable := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "\uFFFD"))
	runes := []rune(strings.Join(strings.Fields(printable), " "))
	if len(runes) <= longest {
		return string(runes)
	}
	return string(runes[:longest-1]) + "…"
}
