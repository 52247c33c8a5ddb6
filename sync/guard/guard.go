// Package guard keeps an accident at one end from emptying the other: it holds
// deletions back that no person would make by hand, until a person says so.
package guard

import (
	"slices"
	"strings"
)

// Limits are the settings of the guard.
type Limits struct {
	Percent float64 // of the mailbox; 0 means [DefaultPercent]
	Count   int     // when above 0, this many messages, in place of Percent
}

// The defaults of MAX_DELETE (design, "Mass-deletion guard").
const (
	DefaultPercent = 25
	minCount       = 50 // a percentage never means fewer
	wholeFolder    = 10 // a vanished folder of fewer is an ordinary deletion
)

// Folder is what a run would delete from one folder.
type Folder struct {
	Name    string // remote path
	Root    string // remote path of its mailbox root
	Total   int    // messages in the agreed state
	Deleted int    // of these, how many the run would delete
	// Vanished says that the folder itself is gone, and not only what was in
	// it. Where the wire can't tell (smd 1.3, as client), a folder that would
	// lose all its messages counts as vanished.
	Vanished bool
}

// Held returns the names of the folders whose deletions are to be held back,
// sorted. Trash and Junk are emptied as a matter of course and never count.
func Held(folders []Folder, l Limits) []string {
	held := make(map[string]bool)
	roots := make(map[string]*Folder)
	total, deleted := 0, 0
	for _, f := range folders {
		r := roots[f.Root]
		if r == nil {
			r = &Folder{}
			roots[f.Root] = r
		}
		r.Total += f.Total
		r.Deleted += f.Deleted
		total += f.Total
		if IsTrash(f.Name) {
			continue
		}
		deleted += f.Deleted
		if f.Vanished && f.Deleted >= wholeFolder && f.Deleted == f.Total {
			held[f.Name] = true
		}
	}
	tooMany := deleted > l.allowed(total)
	for _, f := range folders {
		r := roots[f.Root]
		wholeRoot := r.Deleted == r.Total && r.Total >= wholeFolder
		if f.Deleted > 0 && !IsTrash(f.Name) && (tooMany || wholeRoot) {
			held[f.Name] = true
		}
	}
	names := make([]string, 0, len(held))
	for n := range held {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func (l Limits) allowed(total int) int {
	if l.Count > 0 {
		return l.Count
	}
	p := l.Percent
	if p <= 0 {
		p = DefaultPercent
	}
	return max(minCount, int(float64(total)*p/100))
}

// IsTrash reports whether a folder is used as Trash or Junk, by its name: the
// ones mail programs and servers use.
func IsTrash(folder string) bool {
	for part := range strings.FieldsFuncSeq(strings.ToLower(folder), func(r rune) bool { return r == '.' || r == '/' }) {
		switch part {
		case "trash", "junk", "spam", "bin", "deleted", "deleted items", "deleted messages", "junk e-mail", "junk mail",
			"papierkorb", "corbeille", "cestino", "papelera":
			return true
		}
	}
	return false
}
