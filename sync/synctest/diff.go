package synctest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// diffLines bounds what a difference prints: enough to see the pattern.
const diffLines = 40

// Diff tells how b differs from a, one message a line, "-" in front of what
// only a has and "+" in front of what only b has. It compares, folder by
// folder, contents, flags and whether a message is new; names count only in
// [DiffNames]. Empty folders don't count. It returns "" when there is no
// difference.
func Diff(a, b Census) string { return diff(a, b, false) }

// DiffNames is [Diff] that also compares the messages' unique names.
func DiffNames(a, b Census) string { return diff(a, b, true) }

func diff(a, b Census, names bool) string {
	var out strings.Builder
	lines := 0
	tell := func(sign, folder string, m Message) {
		if lines++; lines <= diffLines {
			fmt.Fprintf(&out, "%s %s: %s\n", sign, folder, m)
		}
	}
	all := maps.Clone(a)
	maps.Copy(all, b)
	for _, folder := range slices.Sorted(maps.Keys(all)) {
		left, right := counted(a[folder], names), counted(b[folder], names)
		for _, m := range onlyIn(left, right) {
			tell("-", folder, m)
		}
		for _, m := range onlyIn(right, left) {
			tell("+", folder, m)
		}
	}
	if lines == 0 {
		return ""
	}
	if lines > diffLines {
		fmt.Fprintf(&out, "and %d more\n", lines-diffLines)
	}
	return fmt.Sprintf("%d messages against %d, %d differences\n%s", a.Total(), b.Total(), lines, out.String())
}

// group is the messages of a folder that count as equal.
type group struct {
	n       int
	example Message // with its name, to find it by
}

// counted groups messages by what is compared.
func counted(messages []Message, names bool) map[Message]group {
	groups := make(map[Message]group, len(messages))
	for _, m := range messages {
		key := m
		if !names {
			key.Name = ""
		}
		groups[key] = group{n: groups[key].n + 1, example: m}
	}
	return groups
}

// onlyIn returns the messages that a has more often than b, sorted.
func onlyIn(a, b map[Message]group) []Message {
	var more []Message
	for key, g := range a {
		for range max(0, g.n-b[key].n) {
			more = append(more, g.example)
		}
	}
	slices.SortFunc(more, compareMessages)
	return more
}

// String shows a message in a difference.
func (m Message) String() string {
	sub := "cur"
	if m.New {
		sub = "new"
	}
	return fmt.Sprintf("%s/%s flags %q content %x", sub, m.Name, m.Flags, m.Content[:6])
}
