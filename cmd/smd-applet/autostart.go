package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"smd-applet/tray/autostart"
)

func newAutostart() *cobra.Command {
	return &cobra.Command{
		Use:       "autostart on|off|status",
		Short:     "start the applet at login, or not, or tell which",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"on", "off", "status"},
		RunE: func(cmd *cobra.Command, args []string) error {
			entry, err := autostart.ForUser()
			if err != nil {
				return err
			}
			if args[0] != "status" {
				return entry.Set(args[0] == "on")
			}
			on, err := entry.Enabled()
			if err != nil {
				return err
			}
			status := map[bool]string{true: "on", false: "off"}
			fmt.Fprintln(cmd.OutOrStdout(), status[on])
			return nil
		},
	}
}
