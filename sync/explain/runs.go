// Package explain tells in words what the history keeps: what the last runs did,
// and what became of one message. It decides nothing and changes nothing.
package explain

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"smd-applet/sync/history"
	"smd-applet/sync/hooks"
	"smd-applet/sync/maildir"
)

// Options say what to tell of runs.
type Options struct {
	Runs     int  // how many of each way, at least 1
	Messages bool // name every message
	Now      time.Time
}

// told is a run as it is told.
type told struct {
	run     history.Run
	outcome *history.Outcome
	counts  map[row]int
	changes []history.Change // with Options.Messages only
	moved   map[place]history.Change
	twice   []history.Change
}

// row is a line of the sum: what was done in a folder.
type row struct {
	sent         bool
	folder, what string
}

// Runs tells the last runs of an endpoint.
func Runs(w io.Writer, dir, endpoint string, o Options) error {
	runs, err := lastRuns(dir, endpoint, o)
	if err != nil {
		return err
	}
	lasts, err := history.LastOf(dir, endpoint)
	if err != nil {
		return err
	}
	if len(runs) == 0 {
		fmt.Fprintf(w, "%s: no run is known: none was made in the %d days that are kept, or none since the history is kept\n", endpoint, history.KeptDays)
		return nil
	}
	for _, l := range current(lasts) {
		quiet := !slices.ContainsFunc(runs, func(t *told) bool {
			return t.run.Way == l.Way && (t.outcome == nil || !l.Ended.After(t.outcome.Ended.Add(time.Millisecond))) // on record to the millisecond
		})
		if quiet {
			fmt.Fprintf(w, "%s: the last %s, %s, changed nothing, and ended as the one before it\n", endpoint, l.Way, o.when(l.Ended))
		}
	}
	for _, t := range runs {
		t.tell(w, o)
	}
	return nil
}

// current leaves out the ways that are no longer gone: of the two dialects, the
// one spoken last.
func current(lasts []history.Last) []history.Last {
	slices.SortFunc(lasts, func(a, b history.Last) int { return b.Ended.Compare(a.Ended) })
	if len(lasts) == 0 {
		return nil
	}
	both := lasts[0].Way == wayBoth
	return slices.DeleteFunc(lasts, func(l history.Last) bool { return (l.Way == wayBoth) != both })
}

const wayBoth = "sync"

// lastRuns returns the last runs of the ways gone last, in their order.
func lastRuns(dir, endpoint string, o Options) ([]*told, error) {
	known := make(map[string]*told)
	byWay := make(map[string][]*told)
	for b, err := range history.Read(dir) {
		if err != nil {
			return nil, err
		}
		if b.Run.Endpoint != endpoint {
			continue
		}
		t := known[b.Run.ID]
		if t == nil {
			t = &told{run: b.Run, counts: make(map[row]int), moved: make(map[place]history.Change)}
			known[b.Run.ID] = t
			list := append(byWay[b.Run.Way], t)
			if len(list) > o.Runs {
				list[0].forget()
				list = list[1:]
			}
			byWay[b.Run.Way] = list
		}
		t.add(b, o.Messages)
	}
	all := slices.Concat(slices.Collect(maps.Values(byWay))...)
	slices.SortFunc(all, func(a, b *told) int { return a.run.Began.Compare(b.run.Began) })
	if len(all) > 0 {
		both := all[len(all)-1].run.Way == wayBoth
		all = slices.DeleteFunc(all, func(t *told) bool { return (t.run.Way == wayBoth) != both })
	}
	return all, nil
}

// forget gives back the memory of a run that is not told.
func (t *told) forget() { t.counts, t.changes, t.moved, t.twice = nil, nil, nil, nil }

func (t *told) add(b *history.Block, names bool) {
	if t.counts == nil {
		return
	}
	if b.Outcome != nil {
		t.outcome = b.Outcome
	}
	for _, c := range b.Changes {
		if madeRoom, ok := t.moved[placeOf(c.Path)]; ok && c.What == hooks.Added && !c.Sent {
			// It had to make room for the server's: that is no move.
			delete(t.moved, placeOf(c.Path))
			t.counts[rowOf(madeRoom)]--
			t.twice = append(t.twice, madeRoom)
		}
		if c.What == hooks.Moved && !c.Sent && path.Dir(path.Dir(c.Path)) == path.Dir(path.Dir(c.To)) {
			t.moved[placeOf(c.Path)] = c
		}
		t.counts[rowOf(c)]++
		if names {
			t.changes = append(t.changes, c)
		}
	}
}

func rowOf(c history.Change) row {
	r := row{sent: c.Sent, folder: folderOf(c.Path), what: c.What}
	switch {
	case c.What == hooks.Moved && folderOf(c.To) == r.folder:
		r.what = "renamed"
	case c.What == hooks.Moved:
		r.what = "moved to " + folderOf(c.To)
	}
	return r
}

// rowWords are the words of a sum.
var rowWords = map[string]string{hooks.Added: "came", hooks.Removed: "deleted", hooks.Flagged: "marked"}

func folderOf(message string) string { return path.Dir(path.Dir(message)) }

func (t *told) tell(w io.Writer, o Options) {
	name := t.run.Endpoint
	if t.outcome == nil {
		fmt.Fprintf(w, "%s: the %s begun %s has no end here: it is still going on, or it was cut off and the next one went on\n", name, t.run.Way, o.when(t.run.Began))
	} else {
		how := "went well"
		if t.outcome.Kind != "" {
			how = "failed"
		}
		fmt.Fprintf(w, "%s: the %s that ended %s took %s and %s\n", name, t.run.Way, o.when(t.outcome.Ended), took(t.outcome.Ended.Sub(t.run.Began)), how)
		if t.outcome.Kind != "" {
			fmt.Fprintf(w, "  why: %s\n  what to do: %s\n", t.outcome.Failure, t.outcome.WayOut)
		}
	}
	none := t.side(w, false, "changed here, as the server's mailbox had changed:")
	none = t.side(w, true, "changed at the server, as this mailbox had changed:") && none
	if len(t.twice) > 0 {
		fmt.Fprintln(w, "  kept twice, as both ends had changed it; both versions are there:")
		for _, c := range t.twice {
			fmt.Fprintf(w, "    %s is the server's, %s the one from here\n", c.Path, c.To)
		}
	}
	if none && len(t.twice) == 0 {
		fmt.Fprintln(w, "  nothing was changed at either end")
	}
	for _, c := range t.changes {
		fmt.Fprintf(w, "    %s\n", sentence(c, nil))
	}
	if t.outcome != nil {
		t.tellLeft(w, o)
	}
}

// side tells what was done at one end, and whether that was nothing.
func (t *told) side(w io.Writer, sent bool, title string) (none bool) {
	folders := make(map[string][]string)
	for _, r := range slices.SortedFunc(maps.Keys(t.counts), func(a, b row) int { return cmp.Compare(a.what, b.what) }) {
		if n := t.counts[r]; r.sent == sent && n > 0 {
			folders[r.folder] = append(folders[r.folder], fmt.Sprintf("%d %s", n, cmp.Or(rowWords[r.what], r.what)))
		}
	}
	if len(folders) == 0 {
		return true
	}
	fmt.Fprintf(w, "  %s\n", title)
	for _, f := range slices.Sorted(maps.Keys(folders)) {
		fmt.Fprintf(w, "    %s: %s\n", f, strings.Join(folders[f], ", "))
	}
	return false
}

// tellLeft tells what the run left undone, and what it did not name.
func (t *told) tellLeft(w io.Writer, o Options) {
	if n := t.outcome.Unnamed; n > 0 {
		fmt.Fprintf(w, "    and %d more, which are not named: that day has too many\n", n)
	}
	if len(t.outcome.Held) > 0 {
		fmt.Fprintln(w, "  held back, so nothing of it is lost:")
		for _, h := range t.outcome.Held {
			if h.Sent {
				fmt.Fprintf(w, "    %d deleted here from %s are still at the server\n", h.Count, h.Folder)
			} else {
				fmt.Fprintf(w, "    %d deleted at the server from %s are still here\n", h.Count, h.Folder)
			}
		}
		fmt.Fprintf(w, "    to bring them back at both ends: smd-applet restore %s\n", t.run.Endpoint)
		fmt.Fprintf(w, "    to delete them at both ends: smd-applet confirm %s\n", t.run.Endpoint)
	}
	for _, d := range t.outcome.Damaged {
		fmt.Fprintf(w, "  %s is empty or cut short: it was not sent, and the server's copy takes its place\n", d)
	}
	if t.deleted() && !o.Messages {
		fmt.Fprintln(w, "  which ones: smd-applet explain --messages "+t.run.Endpoint)
	}
}

func (t *told) deleted() bool {
	for r, n := range t.counts {
		if r.what == hooks.Removed && n > 0 {
			return true
		}
	}
	return false
}

// when tells a time, and how long ago that is.
func (o Options) when(t time.Time) string {
	format := "2 January 15:04:05"
	if y, m, d := t.Date(); y == o.Now.Year() && m == o.Now.Month() && d == o.Now.Day() {
		format = "at 15:04:05"
	}
	return fmt.Sprintf("%s (%s ago)", t.Format(format), took(o.Now.Sub(t)))
}

// took tells a length of time in its largest units.
func took(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", max(0, d.Seconds()))
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// place is where a message is, whatever its flags.
type place struct{ folder, unique string }

func placeOf(message string) place {
	unique, _ := maildir.SplitFlags(path.Base(message))
	return place{folderOf(message), unique}
}
