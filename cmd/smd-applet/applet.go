package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"smd-applet/assets"
	"smd-applet/control"
	"smd-applet/desk"
	"smd-applet/notify"
	"smd-applet/phrase"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
	"smd-applet/tray"
	"smd-applet/tray/autostart"
)

func newApplet() *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use:   "applet",
		Short: "keep the endpoints in step, with an icon in the panel; what smd-applet alone does",
		Long: `keep the endpoints of ~/.smd/loop in step, with an icon in the panel

Where there is no panel it does the same without an icon, which appears when a
panel does. If the applet runs already, it is asked to sync now, and shows its state
in a popup where there is no panel for its icon.

SIGUSR1 syncs now, SIGUSR2 pauses and resumes, SIGHUP reads the configuration again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			paths, err := config.DefaultPaths()
			if err != nil {
				return err
			}
			return applet(cmd.Context(), paths, cmd.OutOrStdout(), verbose)
		},
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "log everything, to standard error too")
	return cmd
}

func applet(ctx context.Context, paths config.Paths, out io.Writer, verbose bool) (err error) {
	b, other, err := openBackground(ctx, paths, newLogging(verbose, slog.LevelWarn))
	if fault.Is(err, fault.Locked) && other != 0 {
		return refresh(ctx, paths, out, other)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	return b.show(ctx, nil)
}

// show runs the engine behind an icon and popups, and beside them a guide, if
// there is one, whose end is theirs as well.
func (b *background) show(ctx context.Context, guide func(context.Context) error) error {
	entry, err := autostart.ForUser()
	if err != nil {
		return err
	}
	changes := b.engine.Subscribe()
	defer changes.Close()
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	group, ctx := errgroup.WithContext(ctx)
	book := phrase.For(os.Getenv)
	d := desk.New(ctx, desk.Options{
		Engine: b.engine, Paths: b.paths, Book: book, Version: version, Open: tray.OpenFile,
		FetchKey: b.fetchKey, Quit: quit, Logger: b.log,
	})
	group.Go(func() error { return b.run(ctx, control.Options{Raise: d.Raise, Quit: quit}, quit) })
	group.Go(func() error {
		return notify.Run(ctx, changes.Events(), notify.Options{
			Icon: assets.Application, Logger: b.log, OnAction: d.Act, Notices: d.Notices(), Book: book,
		})
	})
	if guide != nil {
		group.Go(func() error {
			defer quit()
			return guide(ctx)
		})
	}
	err = tray.Run(ctx, b.engine, tray.Options{
		Changed: changes.Changed(), Noted: d.Noted(), Desk: d, Autostart: entry, Book: book, Logger: b.log,
	})
	if errors.Is(err, tray.ErrUnsupported) {
		b.log.Warn("no icon will be shown; the applet goes on without", "cause", err)
		<-ctx.Done()
		err = nil
	}
	quit()
	err = errors.Join(err, group.Wait())
	d.Close() // nobody asks it for anything any more
	return err
}

// fetchKey asks the server of an ssh alias for its key.
func (b *background) fetchKey(ctx context.Context, alias string) (desk.Key, error) {
	key, err := remote.FetchHostKey(ctx, alias, b.log)
	if err != nil {
		return desk.Key{}, err
	}
	return desk.Key{Type: key.Type, Fingerprint: key.Fingerprint, Trusted: key.Trusted, Replaces: key.Replaces, Record: key.Record}, nil
}

// refresh asks the applet or loop that runs already to sync.
func refresh(ctx context.Context, paths config.Paths, out io.Writer, pid int) error {
	if _, err := control.Ask(ctx, paths.Home, control.Request{Do: control.Raise}); err == nil {
		fmt.Fprintf(out, "smd-applet: process %d runs already; it was asked to sync now\n", pid)
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil { // it has no socket
		return fmt.Errorf("ask process %d, which runs already, to sync: %w", pid, err)
	}
	fmt.Fprintf(out, "smd-applet: process %d runs already; it was asked to sync now\n", pid)
	return nil
}
