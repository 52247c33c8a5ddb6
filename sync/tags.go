package sync

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"smd-applet/sync/delta"
	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
)

func summary(c delta.Counts, bytes, dbBytes int64) Summary {
	return Summary{
		New: c.New, Deleted: c.Deleted, Moved: c.Moved, Flagged: c.Flagged, Edited: c.Edited,
		Bytes: bytes, DBBytes: dbBytes,
	}
}

func held(folders map[string]int, by Direction) []HeldFolder {
	var list []HeldFolder
	for f, n := range folders {
		list = append(list, HeldFolder{Folder: f, Count: n, By: by})
	}
	slices.SortFunc(list, func(a, b HeldFolder) int { return strings.Compare(a.Folder, b.Folder) })
	return list
}

// TagLines returns a run's machine-readable lines, as people grep them (smd 1.3,
// spec §7).
func TagLines(endpoint, program string, r Result, f *fault.Error) []string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	prefix := fmt.Sprintf("%s: %s@%s: TAGS: ", endpoint, program, host)
	if f != nil {
		context, cause := f.Tags()
		human := "necessary"
		if f.Avoidable() {
			human = "avoidable"
		}
		var actions []string
		if f.Kind == fault.Permission && f.Path != "" {
			actions = append(actions, fmt.Sprintf("%s(%s)", fault.ShowPerms, f.Path))
		}
		for _, a := range f.Suggested() {
			switch a.Kind {
			case fault.Retry:
				actions = append(actions, "retry")
			case fault.ShowMail, fault.ShowPerms, fault.RunCommand:
				actions = append(actions, fmt.Sprintf("%s(%s)", a.Kind, a.Arg))
			}
		}
		return []string{
			fmt.Sprintf("%s: ERROR: %s", program, f.Error()),
			fmt.Sprintf("%s: ERROR: %s", program, f.WayOut()),
			prefix + fmt.Sprintf("error::context(%s) probable-cause(%s) human-intervention(%s) suggested-actions(%s)",
				context, cause, human, strings.Join(actions, " ")),
		}
	}
	s := r.Summary
	lines := []string{prefix + fmt.Sprintf("stats::new-mails(%d), del-mails(%d), bytes-received(%d), xdelta-received(%d)",
		s.New, s.Deleted, s.Bytes, s.DBBytes)}
	if len(r.Transfers) > 0 {
		lines = append(lines, prefix+"stats::mail-transferred("+strings.Join(r.Transfers, " , ")+")")
	}
	for _, h := range r.Held {
		lines = append(lines, fmt.Sprintf("%s: %d deletions in %s are held back: smd-applet confirm %s, or smd-applet restore %s",
			program, h.Count, h.Folder, endpoint, endpoint))
	}
	return lines
}

// remoteFault is the failure of a program at the other end, classified by its
// own tags and told in its own words where it has some.
func remoteFault(program, host string, exit *remote.ExitError) *fault.Error {
	f := &fault.Error{Kind: fault.RemoteFailed, Op: program, Path: host, Err: exit, Elsewhere: true}
	for line := range strings.Lines(exit.Stderr) {
		if _, words, found := strings.Cut(strings.TrimSpace(line), ": ERROR: "); found && f.Err == error(exit) {
			f.Err = errors.New(words) // the line after it is the way out
		}
		if _, tag, found := strings.Cut(line, "probable-cause("); found {
			cause, _, _ := strings.Cut(tag, ")")
			if kind, known := fault.OfCause(cause); known {
				f.Kind = kind
				f.Hint, f.HintArgs = "at the server: %s", []any{f.WayOut()}
				if kind == fault.Conflict {
					f.Hint, f.HintArgs = "pull first, which keeps both versions, then push again", nil
				}
			}
		}
	}
	return f
}
