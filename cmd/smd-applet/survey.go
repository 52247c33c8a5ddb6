package main

import (
	"github.com/spf13/cobra"

	"smd-applet/sync/config"
	"smd-applet/sync/probe"
)

// newSurvey is what "smd-applet setup" starts at the server. A key that may only
// sync may not: it would tell of other mailboxes.
func newSurvey() *cobra.Command {
	return &cobra.Command{
		Use:    "survey",
		Short:  "find the mailboxes of this end, and tell what is in them (started by the other end)",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			paths, err := config.DefaultPaths()
			if err != nil {
				return err
			}
			a, err := probe.Survey(cmd.Context(), paths.Home)
			if err != nil {
				return err
			}
			a.Version = "smd-applet " + version
			return a.Write(cmd.OutOrStdout())
		},
	}
}
