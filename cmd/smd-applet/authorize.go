package main

import (
	"github.com/spf13/cobra"

	"smd-applet/sync/config"
	"smd-applet/sync/restrict"
)

// newAuthorize is what "smd-applet key" starts at the server.
func newAuthorize() *cobra.Command {
	return &cobra.Command{
		Use:    "authorize",
		Short:  "let a key in that may only sync, or take it out (started by the other end)",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			paths, err := config.DefaultPaths()
			if err != nil {
				return err
			}
			self, err := programPath()
			if err != nil {
				return err
			}
			return restrict.Serve(paths.Home, self, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}
