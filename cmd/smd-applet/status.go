package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"smd-applet/control"
	"smd-applet/sync/config"
)

// comeback is how often a status bar looks whether the applet is back.
const comeback = 5 * time.Second

type statusOptions struct {
	json, follow, plain bool
	format              string
}

func newStatus() *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status [endpoint]",
		Short: "tell what the running applet or loop does, to a person, a program or a status bar",
		Long: `tell what the running applet or loop does, a line an endpoint

--json tells all of it. --follow goes on with a line at every change, for a status
bar with --format, and waits for the applet where it does not run.` + exitStatuses,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeEndpoint,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.format != "" && (o.json || !slices.Contains(control.Bars, o.format)) {
				return fmt.Errorf("--format is one of %s, and goes without --json", strings.Join(control.Bars, ", "))
			}
			if o.follow && !o.json && o.format == "" {
				return errors.New("--follow needs --json or --format")
			}
			paths, err := config.DefaultPaths()
			if err != nil {
				return err
			}
			if o.follow {
				return o.followed(cmd.Context(), paths.Home, cmd.OutOrStdout(), optional(args))
			}
			return o.once(cmd.Context(), paths.Home, cmd.OutOrStdout(), optional(args))
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.json, "json", false, "print JSON")
	f.BoolVar(&o.follow, "follow", false, "go on with a line at every change")
	f.StringVar(&o.format, "format", "", "a line for a status bar: "+strings.Join(control.Bars, ", "))
	if err := cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(control.Bars, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is just above
	}
	f.BoolVar(&o.plain, "no-color", false, "leave colours out of a status bar's line")
	return cmd
}

func (o *statusOptions) once(ctx context.Context, home string, out io.Writer, endpoint string) error {
	reply, err := control.Ask(ctx, home, control.Request{Do: control.Tell})
	if notRunning(err) && o.format != "" {
		fmt.Fprintln(out, o.line(nil))
	}
	if err != nil {
		return err
	}
	s, err := chosen(reply.Status, endpoint)
	if err != nil {
		return err
	}
	if o.json || o.format != "" {
		fmt.Fprintln(out, o.line(s))
	} else {
		fmt.Fprintln(out, strings.Join(control.Lines(s, time.Now()), "\n"))
	}
	return attention(s)
}

// followed prints a line at every change, also of the applet's being there, until
// ctx ends or nobody reads on.
func (o *statusOptions) followed(ctx context.Context, home string, out io.Writer, endpoint string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	last := ""
	show := func(s *control.Status) {
		if s != nil && endpoint != "" {
			if only, ok := s.Only(endpoint); ok {
				s = only
			}
		}
		line := o.line(s)
		if line == last {
			return
		}
		last = line
		if _, err := fmt.Fprintln(out, line); err != nil {
			cancel()
		}
	}
	for {
		err := control.Watch(ctx, home, show)
		switch {
		case ctx.Err() != nil:
			return nil
		case !notRunning(err):
			return err
		}
		show(nil)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(comeback):
		}
	}
}

// line is the state in one line; nil says that nothing runs.
func (o *statusOptions) line(s *control.Status) string {
	if o.format != "" {
		return control.Bar(o.format, s, time.Now(), o.plain)
	}
	if s == nil {
		s = &control.Status{Overall: control.NotRunning, Endpoints: []control.Endpoint{}}
	}
	line, err := json.Marshal(s)
	if err != nil {
		return err.Error() // none that is known
	}
	return string(line)
}

func newProblems() *cobra.Command {
	return &cobra.Command{
		Use:   "problems [endpoint]",
		Short: "tell what needs a person, and the way out",
		Long:  "tell what needs a person, and the way out" + exitStatuses,
		Args:  cobra.MaximumNArgs(1), ValidArgsFunction: completeEndpoint,
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := ask(cmd.Context(), os.Stderr, control.Request{Do: control.Tell})
			if err != nil {
				return err
			}
			s, err := chosen(all, optional(args))
			if err != nil {
				return err
			}
			for _, p := range s.Problems() {
				printFault(cmd.OutOrStdout(), programOf(p.Endpoint), p.Err())
			}
			return attention(s)
		},
	}
}
