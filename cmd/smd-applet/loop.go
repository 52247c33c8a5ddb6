package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"smd-applet/control"
	"smd-applet/sync/config"
)

func newLoop() *cobra.Command {
	var verbose, templateOnly bool
	cmd := &cobra.Command{
		Use:   "loop",
		Short: "keep the endpoints of ~/.smd/loop in step until it is ended",
		Long: `keep the endpoints of ~/.smd/loop in step until it is ended

SIGUSR1 syncs now, SIGUSR2 pauses and resumes, SIGHUP reads the configuration again,
SIGTERM ends it within two seconds, also in the middle of a run.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			paths, err := config.DefaultPaths()
			if err != nil {
				return err
			}
			if templateOnly {
				_, err := config.LoadLoop(paths)
				return err
			}
			return loop(cmd.Context(), paths, verbose)
		},
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "log everything, to standard error too")
	cmd.Flags().BoolVarP(&templateOnly, "template-only", "t", false, "write ~/.smd/loop if there is none, then end")
	return cmd
}

func loop(ctx context.Context, paths config.Paths, verbose bool) (err error) {
	b, _, err := openBackground(ctx, paths, newLogging(verbose, silence))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	return b.run(ctx, control.Options{Quit: quit}, nil)
}
