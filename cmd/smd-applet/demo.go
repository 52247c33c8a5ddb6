package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"smd-applet/sync/demo"
)

// demoMessages is how many messages the sample mailbox has.
const demoMessages = 300

func newDemo() *cobra.Command {
	var once bool
	pace := 3 * time.Second
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "show the applet at work, with a mail server and a mailbox made up for it",
		Long: `show the applet at work, with a mail server and a mailbox made up for it

Nothing of yours is touched: server, mailbox and configuration are in a temporary
folder, which is removed at the end. On a desktop the applet is in the panel
meanwhile, to be clicked at. Ctrl-C ends it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), cmd.OutOrStdout(), pace, once)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "end after the tour")
	cmd.Flags().DurationVar(&pace, "pace", pace, "pause between two steps")
	return cmd
}

func runDemo(ctx context.Context, out io.Writer, pace time.Duration, once bool) (err error) {
	dir, err := os.MkdirTemp("", "smd-applet-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	self, err := programPath()
	if err != nil {
		return err
	}
	stage, err := demo.Prepare(dir, self, demoMessages)
	if err != nil {
		return err
	}
	defer stage.Close()
	// From here on this process is one on the laptop.
	for name, value := range map[string]string{
		"HOME": stage.Laptop.Home, "XDG_CONFIG_HOME": filepath.Join(stage.Laptop.Home, ".config"), "SSH_AUTH_SOCK": "",
		"DBUS_SYSTEM_BUS_ADDRESS": "disabled:", // whether there is a network is nothing to a server in here
	} {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("move into the demo's home: %w", err)
		}
	}
	b, _, err := openBackground(ctx, stage.Laptop, logging{slog.LevelInfo, slog.DiscardHandler})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	fmt.Fprintf(out, "All of this is in %s and goes with it; Ctrl-C ends it.\n", dir)
	tour := &demo.Tour{Stage: stage, Engine: b.engine, Out: out, Pace: pace, Once: once}
	return b.show(ctx, tour.Run)
}
