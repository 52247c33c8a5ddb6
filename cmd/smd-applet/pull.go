package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"smd-applet/sync"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

func newPull() *cobra.Command {
	return newRun(sync.Pull, "apply the server's changes to the local mailbox")
}

func newPush() *cobra.Command {
	return newRun(sync.Push, "send the local mailbox's changes to the server")
}

type runOptions struct {
	verbose, tags, dryRun, templateOnly, noDelete bool
}

func newRun(d sync.Direction, short string) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   string(d) + " [endpoint]",
		Short: short,
		Args:  cobra.MaximumNArgs(1), ValidArgsFunction: completeEndpoint,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, d, endpointOf(args))
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print the phases and the log; implies -s")
	f.BoolVarP(&o.tags, "show-tags", "s", false, "print machine-readable lines")
	f.BoolVarP(&o.dryRun, "dry-run", "d", false, "write nothing at either end, say what would change; implies -v")
	f.BoolVarP(&o.templateOnly, "template-only", "t", false, "write the configuration template if there is none, then end")
	f.BoolVarP(&o.noDelete, "no-delete", "n", false, "send no deletions")
	return cmd
}

func (o *runOptions) run(cmd *cobra.Command, d sync.Direction, endpoint string) error {
	names := o.verbose && o.dryRun
	o.verbose = o.verbose || o.dryRun
	o.tags = o.tags || o.verbose
	s, err := openSessions(o.verbose)
	if err != nil {
		return err
	}
	defer s.Pool.Close()
	if o.templateOnly {
		return template(s.Paths, endpoint)
	}
	s.Verbose, s.DryRun, s.NoDelete = o.verbose, o.dryRun, o.noDelete
	if names {
		s.Planned = func(what, path, to string) {
			fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSpace(fmt.Sprintf("%-7s %s %s", what, path, to)))
		}
	}
	line := newProgressLine(os.Stderr)
	var phase sync.Phase
	result, err := s.Run(cmd.Context(), endpoint, d, func(p sync.Progress) {
		if o.verbose && p.Phase != phase {
			fmt.Fprintln(cmd.OutOrStdout(), smdPhases[p.Phase])
		}
		phase = p.Phase
		line.show(p)
	})
	line.clear()
	f := fault.As(err)
	if f == nil {
		f = result.Unindexed
	}
	program := "smd-" + string(d)
	if !names {
		result.Transfers = nil // they are in the log
	}
	switch {
	case o.tags:
		for _, l := range sync.TagLines(endpoint, program, result, f) {
			fmt.Fprintln(cmd.OutOrStdout(), l)
		}
	case f != nil:
		printFault(cmd.OutOrStdout(), program, f)
	}
	if o.dryRun && f == nil {
		printPlan(cmd.OutOrStdout(), program, result)
	}
	if err != nil {
		return exitStatus(exitFailure)
	}
	printHeld(os.Stderr, program, endpoint, result.Held)
	if len(result.Held) > 0 || f != nil {
		return exitStatus(exitFailure)
	}
	return nil
}

// printHeld tells which deletions are held back, and the two ways out.
func printHeld(w io.Writer, program, endpoint string, held []sync.HeldFolder) {
	for _, h := range held {
		fmt.Fprintf(w, "%s: %d deletions in %s are held back; run one of:\n  smd-applet confirm %s\n  smd-applet restore %s\n",
			program, h.Count, h.Folder, endpoint, endpoint)
	}
}

// printPlan tells what a dry run found, a line a folder.
func printPlan(w io.Writer, program string, r sync.Result) {
	total := r.Summary
	total.Bytes = 0 // of the folders, not of what is said to find it out
	for _, folder := range slices.Sorted(maps.Keys(r.Folders)) {
		c := r.Folders[folder]
		total.Bytes += c.Bytes
		total.Unsized += c.Unsized
		fmt.Fprintf(w, "%s: %s: %s\n", program, folder, planned(c))
	}
	fmt.Fprintf(w, "%s: would change: %s\n", program, planned(total))
}

func planned(c sync.Summary) string {
	size := fmt.Sprintf("%d bytes", c.Bytes)
	switch {
	case c.Unsized > 0 && c.Bytes == 0:
		size = "size unknown"
	case c.Unsized > 0:
		size += fmt.Sprintf(" and %d messages of unknown size", c.Unsized)
	}
	return fmt.Sprintf("%d new, %d deleted, %d moved, %d flagged, %d edited, %s", c.New, c.Deleted, c.Moved, c.Flagged, c.Edited, size)
}

// template writes the configuration's template where there is none.
func template(paths config.Paths, endpoint string) error {
	if err := config.CheckEndpoint(endpoint); err != nil {
		return err
	}
	if _, err := os.Stat(paths.Config(endpoint)); err == nil {
		return nil
	}
	return config.WriteTemplate(paths, endpoint)
}
