package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"smd-applet/sync/deploy"
)

// newChecksum is what "smd-applet deploy" starts at a server that has no program
// for it.
func newChecksum() *cobra.Command {
	return &cobra.Command{
		Use:    "checksum",
		Short:  "print the SHA-256 of this program",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sum, err := deploy.SelfSum()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), sum)
			return err
		},
	}
}
