package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"path"

	"github.com/spf13/cobra"

	"smd-applet/sync/config"
	"smd-applet/sync/translate"
)

func newTranslate() *cobra.Command {
	var mode, direction string
	cmd := &cobra.Command{
		Use:   "translate -m mode -d LR|RL endpoint",
		Short: "translate folder paths, a line each, between the two ends",
		Long: `translate folder paths, a line each, between the two ends

A path ends in /cur, /new or /tmp. Modes: oimap-dovecot (or default), nodots, nodots2,
move, cat; inbox, alone or as in inbox+nodots, where the local side has INBOX for
what is the root at the server.`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: completeEndpoint,
		RunE: func(cmd *cobra.Command, args []string) error {
			return translateLines(cmd.Context(), args[0], mode, direction, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVarP(&mode, "mode", "m", "", "the `MODE`: one of those above")
	cmd.Flags().StringVarP(&direction, "direction", "d", "", "the `DIRECTION`: LR for local to remote, RL for the way back")
	cmd.MarkFlagsRequiredTogether("mode", "direction")
	return cmd
}

// translateLines answers as a translator has to: a line a line, or ERROR with
// more lines and status 1.
func translateLines(ctx context.Context, endpoint, mode, direction string, in io.Reader, out io.Writer) error {
	refuse := func(err error) error {
		fmt.Fprintf(out, "ERROR\n%v\n", err)
		return exitStatus(exitFailure)
	}
	if direction != "LR" && direction != "RL" {
		return refuse(fmt.Errorf("the direction is %q: give -d LR or -d RL", direction))
	}
	paths, err := config.DefaultPaths()
	if err != nil {
		return refuse(err)
	}
	e, err := config.Load(ctx, paths, endpoint)
	if err != nil {
		return refuse(err)
	}
	m, err := translate.Mode(e, paths.Home, mode)
	if err != nil {
		return refuse(err)
	}
	to := m.Remote
	if direction == "RL" {
		to = m.Local
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		folder, sub := path.Split(lines.Text())
		translated, err := to(path.Clean(folder))
		if err != nil {
			return refuse(err)
		}
		fmt.Fprintf(out, "%s/%s\n", translated, sub)
	}
	if err := lines.Err(); err != nil {
		return refuse(err)
	}
	return nil
}
