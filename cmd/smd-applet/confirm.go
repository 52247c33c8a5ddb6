package main

import (
	"os"

	"github.com/spf13/cobra"

	"smd-applet/control"
	"smd-applet/sync"
	"smd-applet/sync/config"
)

func newConfirm() *cobra.Command {
	return newDecision(control.Confirm, "carry out the deletions that are held back, on both sides", (*sync.Sessions).Confirm)
}

func newRestore() *cobra.Command {
	return newDecision(control.Restore, "bring back the messages whose deletion is held back", (*sync.Sessions).Restore)
}

// newDecision asks the running applet or loop, which then syncs; where there is
// none, decide notes it down.
func newDecision(do control.Verb, short string, decide func(*sync.Sessions, string) error) *cobra.Command {
	return &cobra.Command{
		Use:   string(do) + " endpoint",
		Short: short,
		Long:  short + "; the next pull and push do it",
		Args:  cobra.ExactArgs(1), ValidArgsFunction: completeEndpoint,
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := config.DefaultPaths()
			if err != nil {
				return err
			}
			if reply, err := control.Ask(cmd.Context(), paths.Home, control.Request{Do: control.Tell}); err == nil {
				if _, ok := reply.Status.Only(args[0]); ok {
					_, err := ask(cmd.Context(), os.Stderr, control.Request{Do: do, Endpoint: args[0]})
					return err
				}
			}
			return decide(&sync.Sessions{Paths: paths, Log: newLogger(os.Stderr, false)}, args[0])
		},
	}
}
