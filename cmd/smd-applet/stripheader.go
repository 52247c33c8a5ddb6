package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"smd-applet/sync"
	"smd-applet/sync/config"
	"smd-applet/sync/lock"
	"smd-applet/sync/maildir"
	"smd-applet/sync/stripheader"
	"smd-applet/sync/translate"
)

func newStripHeader() *cobra.Command {
	header, dryRun := "X-OfflineIMAP", false
	cmd := &cobra.Command{
		Use:   "strip-header [--header NAME] [-d] mailbox...",
		Short: "remove a header from all messages of mailboxes below the home",
		Long: `remove a header from all messages of mailboxes below the home

Only the header part of a message is looked at, folded lines go with their
header, and a message keeps its name, flags and time. Do it on both machines
before the first sync.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := config.DefaultPaths()
			if err != nil {
				return err
			}
			return stripHeader(cmd.Context(), paths, header, args, dryRun, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&header, "header", header, "the `NAME` of the header")
	cmd.Flags().BoolVarP(&dryRun, "dry-run", "d", false, "only count the messages that have it")
	return cmd
}

func stripHeader(ctx context.Context, paths config.Paths, header string, mailboxes []string, dryRun bool, out io.Writer) (err error) {
	if err := stripheader.CheckName(header); err != nil {
		return err
	}
	names, err := mailboxesBelow(paths.Home, mailboxes)
	if err != nil {
		return err
	}
	slices.Sort(names)
	held, err := lock.Acquire(ctx, paths.Home, mailboxWait, names...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	store, err := maildir.Open(paths.Home, maildir.SameBoxes(names), translate.Identity(), false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	line := newProgressLine(os.Stderr)
	began := time.Now()
	p, err := stripheader.Mailbox(ctx, store, header, dryRun, func(p stripheader.Progress) {
		line.show(sync.Progress{Phase: sync.PhaseTransferring, Done: p.Messages})
	})
	line.clear()
	if err != nil {
		return err
	}
	did := "was removed from"
	if dryRun {
		did = "would be removed from"
	}
	fmt.Fprintf(out, "%s %s %d of %d messages in %s\n", header, did, p.Changed, p.Messages, time.Since(began).Round(time.Millisecond))
	return nil
}
