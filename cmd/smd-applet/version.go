package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"smd-applet/sync/wire/smd1"
)

// Set by the release build with -ldflags -X.
var (
	version = "0.1.0-dev"
	commit  = "unknown"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version, the commit and the dialects spoken",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionLine())
			return err
		},
	}
}

func versionLine() string {
	return fmt.Sprintf("smd-applet %s (commit %s), speaks smd/2 and smd/%s", version, commit, smd1.Version)
}
