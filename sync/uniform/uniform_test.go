package uniform_test

import (
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/maildir"
	"smd-applet/sync/uniform"
)

// messages draws a mailbox: few folders, names and contents, so that they meet.
func messages(t *rapid.T, label string) []uniform.Message {
	var all []uniform.Message
	seen := make(map[[2]string]bool)
	for range rapid.IntRange(0, 12).Draw(t, label) {
		m := uniform.Message{Name: maildir.Name{
			Folder: rapid.SampledFrom([]string{"Mail", "Mail/.a"}).Draw(t, "folder"), Sub: "cur",
			File: maildir.JoinFlags(rapid.SampledFrom([]string{"1", "2", "3", "4", "5"}).Draw(t, "unique"), rapid.SampledFrom([]string{"", "S"}).Draw(t, "flags")),
		}}
		m.Sum.Body[0] = rapid.Byte().Draw(t, "content") % 4
		if at := [2]string{m.Name.Folder, m.Name.Unique()}; !seen[at] {
			seen[at] = true
			all = append(all, m)
		}
	}
	return all
}

func TestPlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		local, remote := messages(t, "local"), messages(t, "remote")
		across := rapid.Bool().Draw(t, "across")
		plan := uniform.Plan(local, remote, across)

		here := make(map[maildir.Name]maildir.Sum)
		taken := make(map[[2]string]bool)
		for _, m := range local {
			here[m.Name] = m.Sum
			taken[[2]string{m.Name.Folder, m.Name.Unique()}] = true
		}
		for _, r := range plan {
			sum, there := here[r.From]
			if !there {
				t.Fatalf("%v is renamed, which is not there or was renamed before", r.From)
			}
			delete(here, r.From)
			delete(taken, [2]string{r.From.Folder, r.From.Unique()})
			if to := [2]string{r.To.Folder, r.To.Unique()}; taken[to] {
				t.Fatalf("%v is renamed onto %v", r.From, r.To)
			} else {
				taken[to] = true
			}
			if r.From.Flags() != r.To.Flags() || !across && r.From.Folder != r.To.Folder {
				t.Fatalf("%v becomes %v", r.From, r.To)
			}
			matches := 0
			for _, m := range remote {
				if m.Name.Folder == r.To.Folder && m.Name.Unique() == r.To.Unique() && m.Sum == sum {
					matches++
				}
			}
			if matches != 1 {
				t.Fatalf("%v becomes %v, which %d remote messages are", r.From, r.To, matches)
			}
		}
		// Renamed so, nothing more is to be renamed.
		for _, r := range plan {
			for i := range local {
				if local[i].Name == r.From {
					local[i].Name = r.To
				}
			}
		}
		if again := uniform.Plan(local, remote, across); len(again) > 0 {
			t.Fatalf("a second plan: %v", again)
		}
	})
}
