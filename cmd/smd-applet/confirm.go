package main

import (
	"os"

	"github.com/spf13/cobra"

	"smd-applet/sync"
	"smd-applet/sync/config"
)

func newConfirm() *cobra.Command {
	return newDecision("confirm", "carry out the deletions that are held back, on both sides", (*sync.Sessions).Confirm)
}

func newRestore() *cobra.Command {
	return newDecision("restore", "bring back the messages whose deletion is held back", (*sync.Sessions).Restore)
}

func newDecision(name, short string, decide func(*sync.Sessions, string) error) *cobra.Command {
	return &cobra.Command{
		Use:   name + " endpoint",
		Short: short,
		Long:  short + "; the next pull and push do it",
		Args:  cobra.ExactArgs(1), ValidArgsFunction: completeEndpoint,
		RunE: func(_ *cobra.Command, args []string) error {
			paths, err := config.DefaultPaths()
			if err != nil {
				return err
			}
			return decide(&sync.Sessions{Paths: paths, Log: newLogger(os.Stderr, false)}, args[0])
		},
	}
}
