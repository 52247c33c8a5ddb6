package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"smd-applet/control"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

// The exit statuses of the commands that ask the running applet or loop, beside
// those of all commands.
const (
	exitNotRunning = 3
	exitProblems   = 4 // it went well, but there is something a person should look at
)

const exitStatuses = `

Exit status: 0 fine, 1 it failed, 2 wrong usage, 3 neither the applet nor smd-loop
is running, 4 something needs a person: see smd-applet problems.`

// newAsk is a command that only asks for one thing.
func newAsk(do control.Verb, use, short string, args cobra.PositionalArgs) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Long:  short + exitStatuses,
		Args:  args, ValidArgsFunction: completeEndpoint,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := ask(cmd.Context(), os.Stderr, control.Request{Do: do, Endpoint: optional(args)})
			return err
		},
	}
}

func newPause() *cobra.Command {
	var length time.Duration
	cmd := newAsk(control.Pause, "pause [endpoint]", "pause the running applet or loop, or one of its endpoints", cobra.MaximumNArgs(1))
	cmd.Flags().DurationVar(&length, "for", 0, "how long, such as 30m or 2h; else until it is resumed")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		seconds := int(length.Round(time.Second) / time.Second)
		_, err := ask(cmd.Context(), os.Stderr, control.Request{Do: control.Pause, Endpoint: optional(args), Seconds: seconds})
		return err
	}
	return cmd
}

func newResume() *cobra.Command {
	return newAsk(control.Resume, "resume [endpoint]", "end a pause, and sync", cobra.MaximumNArgs(1))
}

func newQuit() *cobra.Command {
	cmd := newAsk(control.Quit, "quit", "end the running applet or loop", cobra.NoArgs)
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	return cmd
}

// ask asks the running applet or loop, and prints what went wrong for it.
func ask(ctx context.Context, w io.Writer, r control.Request) (*control.Status, error) {
	paths, err := config.DefaultPaths()
	if err != nil {
		return nil, err
	}
	reply, err := control.Ask(ctx, paths.Home, r)
	if err != nil {
		return nil, err
	}
	for _, f := range reply.Failed {
		printFault(w, programOf(f.Endpoint), f.Err())
	}
	if len(reply.Failed) > 0 {
		return reply.Status, exitStatus(exitFailure)
	}
	return reply.Status, nil
}

// programOf is how a failure of an endpoint begins.
func programOf(endpoint string) string {
	if endpoint == "" {
		return "smd-applet"
	}
	return "smd-applet: " + endpoint
}

// optional is the endpoint that may be named.
func optional(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// chosen is s, or its part about an endpoint.
func chosen(s *control.Status, endpoint string) (*control.Status, error) {
	if endpoint == "" {
		return s, nil
	}
	only, ok := s.Only(endpoint)
	if !ok {
		err := fault.New(fault.Config, "status", endpoint, errors.New("no such endpoint is running"))
		err.Hint = "name one that the loop file lists"
		return nil, err
	}
	return only, nil
}

// attention is the exit status of a command that went well.
func attention(s *control.Status) error {
	if len(s.Problems()) > 0 {
		return exitStatus(exitProblems)
	}
	return nil
}

func notRunning(err error) bool { return errors.Is(err, control.ErrNotRunning) }
