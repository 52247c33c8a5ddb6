package main

import (
	"errors"

	"github.com/spf13/cobra"

	"smd-applet/sync/census"
	"smd-applet/sync/config"
	"smd-applet/sync/exclude"
	"smd-applet/sync/maildir"
	"smd-applet/sync/stripheader"
	"smd-applet/sync/translate"
)

// newTally is what a census starts at the other end.
func newTally() *cobra.Command {
	var excludes []string
	var without string
	cmd := &cobra.Command{
		Use:    "tally CLIENTNAME mailbox...",
		Short:  "tell what messages this end's mailboxes have (started by the other end)",
		Args:   cobra.MinimumNArgs(2),
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			paths, err := config.DefaultPaths()
			if err != nil {
				return err
			}
			names, err := mailboxesFor("tally", args[1:])
			if err != nil {
				return err
			}
			if without != "" {
				if err := stripheader.CheckName(without); err != nil {
					return err
				}
			}
			leftOut, err := exclude.New(excludes, names...)
			if err != nil {
				return err
			}
			store, err := maildir.Open(paths.Home, maildir.SameBoxes(names), translate.Identity(), false)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, store.Close()) }()
			return census.Tell(cmd.Context(), store, census.Options{Excluded: leftOut.Match, Without: without, Mailbox: names}, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringArrayVar(&excludes, "exclude", nil, "leave out folders like this `GLOB`; may be repeated")
	cmd.Flags().StringVar(&without, "without", "", "also tell the headers' digests without this `HEADER`")
	return cmd
}
