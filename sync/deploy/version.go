package deploy

import (
	"regexp"
	"slices"
	"strconv"
)

// numbered is a version that can be told to be older or newer: "0.2.1", or
// "v0.2.1-14-g0123abc", which is 14 changes later.
var numbered = regexp.MustCompile(`\bv?(\d+)\.(\d+)\.(\d+)(?:-(\d+)-g[0-9a-f]+)?`)

// Older reports whether a says of itself to be of an older version than b; false
// where that can't be told, as of what was built between two releases.
func Older(a, b string) bool {
	x, y := parts(a), parts(b)
	return x != nil && y != nil && slices.Compare(x, y) < 0
}

func parts(said string) []int {
	m := numbered.FindStringSubmatch(said)
	if m == nil {
		return nil
	}
	var numbers []int
	for _, s := range m[1:] {
		n, _ := strconv.Atoi(s) // the last may be empty, which is none
		numbers = append(numbers, n)
	}
	return numbers
}
