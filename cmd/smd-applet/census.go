package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"smd-applet/sync"
	"smd-applet/sync/census"
	"smd-applet/sync/config"
	"smd-applet/sync/maildir"
	"smd-applet/sync/remote"
)

func newCensus() *cobra.Command {
	var compare string
	var asJSON bool
	examples := 3
	cmd := &cobra.Command{
		Use:   "census [--compare endpoint|host] [mailbox...]",
		Short: "count messages by folder and content, here or at both ends side by side",
		Long: `count messages by folder and content, here or at both ends side by side

Every message is read, nothing is changed. Without mailboxes it takes those of the
endpoint default. With --compare it says what only one end has, what differs, and
whether the flags do; of an endpoint by its configuration, of another HOST for
mailboxes that have the same names there.

The status is 0 where both ends have the same messages and flags in the same
folders, 4 where they have not, 1 when that could not be found out.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openSessions(false)
			if err != nil {
				return err
			}
			defer s.Pool.Close()
			out := censusOutput{w: cmd.OutOrStdout(), json: asJSON, examples: examples}
			names, err := mailboxesBelow(s.Paths.Home, args)
			if err != nil {
				return err
			}
			if compare == "" {
				return countHere(cmd.Context(), s, names, out)
			}
			endpoints, err := s.EndpointsOf(cmd.Context(), compare, names)
			if err != nil {
				return err
			}
			return withProgram(cmd.Context(), s.Pool, out.w, func() error { return compareEnds(cmd.Context(), s, endpoints, out) })
		},
	}
	cmd.Flags().StringVar(&compare, "compare", "", "compare with the server of an `ENDPOINT` or a HOST")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it for a program to read, with every difference")
	cmd.Flags().IntVar(&examples, "examples", examples, "name this `NUMBER` of messages of a kind in a folder")
	if err := cmd.RegisterFlagCompletionFunc("compare", func(c *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return completeEndpoint(c, nil, word)
	}); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

// censusOutput is how a census is shown.
type censusOutput struct {
	w        io.Writer
	json     bool
	examples int
}

// counting shows how many files were read, on a terminal.
func counting(line *progressLine) func(int) {
	return func(files int) { line.show(sync.Progress{Phase: sync.PhaseTransferring, Done: files}) }
}

func countHere(ctx context.Context, s *sync.Sessions, mailboxes []string, out censusOutput) (err error) {
	line := newProgressLine(os.Stderr)
	c, store, err := s.CountHere(ctx, mailboxes, counting(line))
	line.clear()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if out.json {
		return writeJSON(out.w, c.Summary(store))
	}
	return out.print(c.Summary(store))
}

func compareEnds(ctx context.Context, s *sync.Sessions, endpoints []*config.Endpoint, out censusOutput) error {
	equal := true
	var reports []*census.SideBySide
	for _, e := range endpoints {
		line := newProgressLine(os.Stderr)
		both, err := s.Census(ctx, e, "", counting(line))
		line.clear()
		if err != nil {
			return err
		}
		limit := out.examples
		if out.json {
			limit = -1
		}
		report := both.SideBySide(limit)
		if err := both.Close(); err != nil {
			return err
		}
		report.Endpoint, report.Server = e.Name, e.ServerName
		equal = equal && report.Equal
		reports = append(reports, report)
		if !out.json {
			if err := out.printComparison(report); err != nil {
				return err
			}
		}
	}
	if out.json {
		if err := writeJSON(out.w, reports); err != nil {
			return err
		}
	}
	if !equal {
		return exitStatus(exitProblems)
	}
	return nil
}

// print shows what one end has.
func (o censusOutput) print(s *census.Summary) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "folder\tmessages\tnew\tdouble\tMB\tcontent")
	for _, f := range append(slices.Clone(s.Folders), census.Folder{Name: "all", Count: s.Total}) {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.1f\t%s\n", f.Name, f.Count.Messages, f.Count.New, f.Count.Double, float64(f.Count.Bytes)/1e6, f.Count.Content)
	}
	_ = t.Flush() // to memory
	for i, d := range s.Doubles {
		if i == o.examples {
			fmt.Fprintf(&b, "  and %d more\n", len(s.Doubles)-i)
			break
		}
		fmt.Fprintf(&b, "double, %d times in %s: %s\n", len(d.Names), d.Folder, titleText(d.Title))
	}
	o.printStrays(&b, "", s.Strays, s.Flawed)
	_, err := io.WriteString(o.w, remote.Visible(b.String()))
	return err
}

// strayWords say what strays are, in the order they are told.
var strayWords = []struct {
	kind census.StrayKind
	text string
}{
	{census.Misplaced, "files outside of cur, new and tmp"},
	{census.BadName, "files under a name that can't be carried"},
	{census.Hidden, "files hidden among messages"},
	{census.Link, "links that are not followed"},
	{census.Special, "pipes, sockets or devices"},
	{census.Temporary, "files in tmp"},
	{census.ServerFile, "files kept by an IMAP server or a sync program"},
}

func (o censusOutput) printStrays(b *strings.Builder, where string, strays []census.Stray, flawed []census.FlawedFile) {
	for i, f := range flawed {
		if i == o.examples {
			fmt.Fprintf(b, "%sno message: %d more\n", where, len(flawed)-i)
			break
		}
		fmt.Fprintf(b, "%sno message (%s): %s\n", where, f.Flaw, f.Path)
	}
	for _, w := range strayWords {
		var paths []string
		for _, s := range strays {
			if s.Kind == w.kind {
				paths = append(paths, s.Path)
			}
		}
		switch {
		case len(paths) == 0:
		case w.kind == census.ServerFile || w.kind == census.Temporary || o.examples == 0:
			fmt.Fprintf(b, "%s%s: %d\n", where, w.text, len(paths))
		default:
			fmt.Fprintf(b, "%s%s: %d, such as %s\n", where, w.text, len(paths), strings.Join(paths[:min(len(paths), o.examples)], ", "))
		}
	}
}

func titleText(t census.Title) string {
	if t == (census.Title{}) {
		return "a message without a header that can be read"
	}
	return strings.TrimSpace(fmt.Sprintf("<%s> %s", t.MessageID, t.Subject))
}

// kindWords are the columns of a comparison, and what its examples say.
var kindWords = []struct {
	kind         census.Kind
	column, text string
}{
	{census.OnlyHere, "only here", "only here"},
	{census.OnlyThere, "only there", "only there"},
	{census.Differs, "differ", "differs"},
	{census.Flags, "flags", "other flags"},
	{census.Names, "names", "other name"},
}

// printComparison shows both ends side by side: all folders, and of those that
// differ what does.
func (o censusOutput) printComparison(r *census.SideBySide) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "folder\there\tthere\tdouble here\tdouble there")
	for _, k := range kindWords {
		fmt.Fprint(t, "\t", k.column)
	}
	fmt.Fprintln(t)
	for _, f := range r.Folders {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d", f.Name, f.Here.Messages, f.There.Messages, f.Here.Double, f.There.Double)
		for _, k := range kindWords {
			fmt.Fprintf(t, "\t%d", f.Tally[k.kind])
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush() // to memory
	for _, f := range r.Folders {
		for _, k := range kindWords {
			if f.Tally[k.kind] == 0 || k.kind == census.Names || o.examples == 0 {
				continue
			}
			fmt.Fprintf(&b, "\n%s, %s: %d\n", f.Name, k.text, f.Tally[k.kind])
			for _, d := range r.Differences {
				if d.Folder == f.Name && d.Kind == k.kind {
					fmt.Fprintf(&b, "  %s%s\n", titleText(d.Title), differenceText(d))
				}
			}
		}
	}
	o.printStrays(&b, "here, ", r.Here.Strays, r.Here.Flawed)
	o.printStrays(&b, "there, ", r.There.Strays, r.There.Flawed)
	switch names := r.Total[census.Names]; {
	case !r.Equal:
		fmt.Fprintf(&b, "%d messages here and %d at %s: they are not the same\n", r.Here.Total.Messages, r.There.Total.Messages, r.Server)
	case names > 0:
		fmt.Fprintf(&b, "%d messages: both ends have the same, %d under other names: before a first sync, smd-uniform-names\n", r.Here.Total.Messages, names)
	default:
		fmt.Fprintf(&b, "%d messages: both ends have the same\n", r.Here.Total.Messages)
	}
	_, err := io.WriteString(o.w, remote.Visible(b.String()))
	return err
}

func differenceText(d census.NamedDifference) string {
	switch {
	case d.Elsewhere != "":
		return fmt.Sprintf(" (the other end has it in %s)", d.Elsewhere)
	case d.Kind == census.Flags:
		return fmt.Sprintf(" (here %s, there %s)", flagsText(d.Here), flagsText(d.There))
	case d.Kind == census.Differs:
		return fmt.Sprintf(" (%s)", d.Part)
	}
	return ""
}

// flagsText shows flags as the file name has them, or that there are none.
func flagsText(path string) string {
	n, err := maildir.ParseName(path)
	switch {
	case err != nil:
		return path
	case n.Sub == "new" && n.Flags() == "":
		return "new"
	case n.Flags() == "":
		return "none"
	}
	return n.Flags()
}
