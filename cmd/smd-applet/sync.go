package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"smd-applet/control"
	"smd-applet/sync"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
)

func newSync() *cobra.Command {
	var noWait bool
	cmd := &cobra.Command{
		Use:   "sync [endpoint]",
		Short: "pull and push now, and wait for the end",
		Long: `pull and push now, and wait for the end

The running applet or loop does it; where there is none, this command does.` + exitStatuses,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeEndpoint,
		RunE: func(cmd *cobra.Command, args []string) error {
			endpoint := optional(args)
			all, err := ask(cmd.Context(), os.Stderr, control.Request{Do: control.Sync, Endpoint: endpoint, Wait: !noWait})
			switch {
			case notRunning(err):
				return syncHere(cmd.Context(), endpoint)
			case err != nil || noWait:
				return err
			}
			s, err := chosen(all, endpoint)
			if err != nil {
				return err
			}
			for _, p := range s.Problems() {
				printFault(os.Stderr, programOf(p.Endpoint), p.Err())
			}
			return attention(s)
		},
	}
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "do not wait for the end, if the applet or loop does it")
	return cmd
}

// syncHere pulls and pushes an endpoint, all of the loop file when it is empty.
func syncHere(ctx context.Context, endpoint string) error {
	sessions, err := openSessions(false)
	if err != nil {
		return err
	}
	defer sessions.Pool.Close()
	endpoints := []string{endpoint}
	if endpoint == "" {
		entries, err := config.LoadLoop(sessions.Paths)
		if err != nil {
			return err
		}
		endpoints = nil
		for _, entry := range entries {
			endpoints = append(endpoints, entry.Endpoint)
		}
	}
	click := new(remote.Click)
	var status error
	for _, name := range endpoints {
		var result sync.Result
		err := withProgram(click.On(ctx), sessions.Pool, os.Stdout, func() (err error) {
			line := newProgressLine(os.Stderr)
			result, err = sync.Once(click.On(ctx), sessions, name, line.show)
			line.clear()
			return err
		})
		if told := exitStatus(0); errors.As(err, &told) {
			status = told
			continue
		}
		if err != nil {
			printFault(os.Stderr, programOf(name), fault.As(err))
			status = exitStatus(exitFailure)
			continue
		}
		if result.Unindexed != nil {
			printFault(os.Stderr, programOf(name), result.Unindexed)
			status = exitStatus(exitFailure)
		}
		printHeld(os.Stderr, programOf(name), name, result.Held)
		if len(result.Held) > 0 && status == nil {
			status = exitStatus(exitProblems)
		}
	}
	return status
}
