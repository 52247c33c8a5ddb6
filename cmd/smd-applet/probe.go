package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"smd-applet/sync/config"
	"smd-applet/sync/probe"
)

// newProbe is what smd-check-conf, a clone and SUBSCRIBED_ONLY=true start at the other end.
func newProbe() *cobra.Command {
	var sizes bool
	cmd := &cobra.Command{
		Use:    "probe CLIENTNAME mailbox...",
		Short:  "tell of this end's mailboxes: folders, subscriptions, free space (started by the other end)",
		Args:   cobra.MinimumNArgs(2),
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := config.DefaultPaths()
			if err != nil {
				return err
			}
			names, err := mailboxesFor("probe", args[1:])
			if err != nil {
				return err
			}
			a, err := probe.Look(cmd.Context(), paths.Home, names)
			if err != nil {
				return err
			}
			if sizes {
				if err := a.Measure(cmd.Context(), paths.Home); err != nil {
					return err
				}
			}
			a.Version = fmt.Sprintf("smd-applet %s", version)
			return a.Write(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&sizes, "sizes", false, "also how much mail is in each folder")
	return cmd
}
