package guard_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/guard"
)

// TestHeld has the rules of the design, "Mass-deletion guard", at their bounds.
func TestHeld(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		folders []guard.Folder
		limits  guard.Limits
		want    []string
	}{
		"nothing": {},
		"no deletions": {
			folders: []guard.Folder{{Name: "Mail", Root: "Mail", Total: 100}},
		},
		"a few from a big folder": {
			folders: []guard.Folder{{Name: "Mail", Root: "Mail", Total: 100, Deleted: 5}},
		},
		"a quarter": {
			folders: []guard.Folder{{Name: "Mail", Root: "Mail", Total: 1000, Deleted: 250}},
		},
		"more than a quarter": {
			folders: []guard.Folder{
				{Name: "Mail/.b", Root: "Mail", Total: 500, Deleted: 50},
				{Name: "Mail/.a", Root: "Mail", Total: 400, Deleted: 201},
				{Name: "Mail/.c", Root: "Mail", Total: 100},
			},
			want: []string{"Mail/.a", "Mail/.b"},
		},
		"of a small mailbox, 50": {
			folders: []guard.Folder{{Name: "Mail", Root: "Mail", Total: 60, Deleted: 50}},
		},
		"of a small mailbox, 51": {
			folders: []guard.Folder{{Name: "Mail", Root: "Mail", Total: 60, Deleted: 51}},
			want:    []string{"Mail"},
		},
		"a share of one's own": {
			folders: []guard.Folder{{Name: "Mail", Root: "Mail", Total: 10000, Deleted: 101}},
			limits:  guard.Limits{Percent: 1},
			want:    []string{"Mail"},
		},
		"all, where that is the share": {
			folders: []guard.Folder{{Name: "Mail", Root: "Mail", Total: 1000, Deleted: 999}},
			limits:  guard.Limits{Percent: 100},
		},
		"a number of one's own": {
			folders: []guard.Folder{{Name: "Mail", Root: "Mail", Total: 10000, Deleted: 4}},
			limits:  guard.Limits{Count: 3},
			want:    []string{"Mail"},
		},
		"as many as the number": {
			folders: []guard.Folder{{Name: "Mail", Root: "Mail", Total: 10000, Deleted: 3}},
			limits:  guard.Limits{Count: 3},
		},
		"the number is in place of the share": {
			folders: []guard.Folder{{Name: "Mail", Root: "Mail", Total: 1000, Deleted: 400}},
			limits:  guard.Limits{Count: 500, Percent: 1},
		},
		"a vanished folder of ten": {
			folders: []guard.Folder{
				{Name: "Mail", Root: "Mail", Total: 100, Deleted: 5},
				{Name: "Mail/.lists", Root: "Mail", Total: 10, Deleted: 10, Vanished: true},
			},
			want: []string{"Mail/.lists"},
		},
		"a vanished folder of nine": {
			folders: []guard.Folder{
				{Name: "Mail", Root: "Mail", Total: 100},
				{Name: "Mail/.lists", Root: "Mail", Total: 9, Deleted: 9, Vanished: true},
			},
		},
		"an emptied folder that is still there": {
			folders: []guard.Folder{
				{Name: "Mail", Root: "Mail", Total: 100},
				{Name: "Mail/.lists", Root: "Mail", Total: 40, Deleted: 40},
			},
		},
		"a whole root": {
			folders: []guard.Folder{
				{Name: "Mail", Root: "Mail", Total: 6, Deleted: 6},
				{Name: "Mail/.work", Root: "Mail", Total: 6, Deleted: 6},
				{Name: "Lists", Root: "Lists", Total: 100, Deleted: 1},
			},
			want: []string{"Mail", "Mail/.work"},
		},
		"a root that keeps one message": {
			folders: []guard.Folder{
				{Name: "Mail", Root: "Mail", Total: 12, Deleted: 11},
				{Name: "Lists", Root: "Lists", Total: 100},
			},
		},
		"a whole root with its Trash": {
			folders: []guard.Folder{
				{Name: "Mail", Root: "Mail", Total: 12, Deleted: 12},
				{Name: "Mail/.Trash", Root: "Mail", Total: 3, Deleted: 3},
			},
			want: []string{"Mail"},
		},
		"the share is of all roots together": {
			folders: []guard.Folder{
				{Name: "Mail", Root: "Mail", Total: 100, Deleted: 90},
				{Name: "Lists", Root: "Lists", Total: 900},
			},
		},
		"Trash and Junk never count": {
			folders: []guard.Folder{
				{Name: "Mail", Root: "Mail", Total: 100, Deleted: 50},
				{Name: "Mail/.Trash", Root: "Mail", Total: 5000, Deleted: 5000},
				{Name: "Mail/.Junk", Root: "Mail", Total: 5000, Deleted: 5000, Vanished: true},
			},
		},
		"Trash is emptied even when the rest is held": {
			folders: []guard.Folder{
				{Name: "Mail", Root: "Mail", Total: 100, Deleted: 90},
				{Name: "Mail/.Trash", Root: "Mail", Total: 20, Deleted: 20},
			},
			want: []string{"Mail"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := guard.Held(c.folders, c.limits); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestIsTrash(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string]bool{
		"Mail/.Trash":           true,
		"Mail/Trash":            true,
		"Mail/.INBOX.Trash":     true,
		"Mail/.Trash.2023":      true,
		"Mail/.Deleted Items":   true,
		"Mail/.Junk E-mail":     true,
		"Mail/[Gmail]/Bin":      true,
		"Mail/.[Gmail].Spam":    true,
		"Mail/.SPAM":            true,
		"Mail":                  false,
		"Mail/.Sent":            false,
		"Mail/.Trashcan design": false,
		"Mail/.spamassassin":    false,
		"Mail/.not deleted":     false,
		"":                      false,
	} {
		if got := guard.IsTrash(folder); got != want {
			t.Errorf("%q: %v, want %v", folder, got, want)
		}
	}
}

// drawFolders draws what a run might delete from mailboxes of two roots.
func drawFolders(t *rapid.T) []guard.Folder {
	folders := make([]guard.Folder, rapid.IntRange(0, 6).Draw(t, "folders"))
	for i := range folders {
		root := rapid.SampledFrom([]string{"Mail", "Lists"}).Draw(t, "root")
		kind := rapid.SampledFrom([]string{"work", "work", "Trash"}).Draw(t, "kind")
		total := rapid.IntRange(0, 150).Draw(t, "total")
		folders[i] = guard.Folder{
			Name: fmt.Sprintf("%s/.%d.%s", root, i, kind), Root: root, Total: total,
			Deleted:  rapid.OneOf(rapid.Just(total), rapid.IntRange(0, total)).Draw(t, "deleted"),
			Vanished: rapid.Bool().Draw(t, "vanished"),
		}
	}
	return folders
}

// TestHeldLetsFewThrough: whatever a run would delete, no more than the limit
// goes through unasked, Trash aside; and what is held has something to hold.
func TestHeldLetsFewThrough(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		folders := drawFolders(t)
		limits := guard.Limits{Count: rapid.IntRange(0, 60).Draw(t, "count")}
		held := guard.Held(folders, limits)
		if !slices.IsSorted(held) || len(slices.Compact(slices.Clone(held))) != len(held) {
			t.Fatalf("%q is not sorted, each once", held)
		}
		through, total := 0, 0
		for _, f := range folders {
			total += f.Total
			switch isHeld := slices.Contains(held, f.Name); {
			case isHeld && (f.Deleted == 0 || strings.HasSuffix(f.Name, "Trash")):
				t.Fatalf("%+v is held", f)
			case !isHeld && !strings.HasSuffix(f.Name, "Trash"):
				through += f.Deleted
			}
		}
		limit := limits.Count
		if limit == 0 {
			limit = max(50, total*guard.DefaultPercent/100)
		}
		if through > limit {
			t.Fatalf("%d deletions of %d go through, limit %d, held %q", through, total, limit, held)
		}
	})
}

// TestHeldGrowsWithDeletions: deleting still more never sets a folder free, and
// the order in which folders come does not matter.
func TestHeldGrowsWithDeletions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		folders := drawFolders(t)
		before := guard.Held(folders, guard.Limits{})
		more := rapid.Permutation(folders).Draw(t, "order")
		if got := guard.Held(more, guard.Limits{}); !slices.Equal(got, before) {
			t.Fatalf("in another order %q, not %q", got, before)
		}
		for i, f := range more {
			more[i].Deleted = rapid.IntRange(f.Deleted, f.Total).Draw(t, "more")
		}
		after := guard.Held(more, guard.Limits{})
		for _, name := range before {
			if !slices.Contains(after, name) {
				t.Fatalf("%s is no longer held: %q, then %q", name, before, after)
			}
		}
	})
}

func TestTrashBelowTrash(t *testing.T) {
	t.Parallel()
	if !guard.IsTrash("Mail/Trash/2023") {
		t.Error("Mail/.Trash.2023 is Trash, Mail/Trash/2023 is not")
	}
}
