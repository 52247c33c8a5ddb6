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
	"smd-applet/notify"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
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
panel does. If the applet runs already, it is asked to sync now.

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
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "log to standard error too")
	return cmd
}

func applet(ctx context.Context, paths config.Paths, out io.Writer, verbose bool) (err error) {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelInfo
	}
	b, other, err := openBackground(ctx, paths, os.Stderr, level)
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
	desk := &desk{background: b, open: tray.OpenFile, start: group.Go}
	group.Go(func() error { return b.run(ctx, control.Options{Quit: quit}, quit) })
	group.Go(func() error {
		return notify.Run(ctx, changes.Events(), notify.Options{
			Icon: assets.Application, Logger: b.log,
			OnAction: func(endpoint string, a fault.ActionKind) { desk.act(ctx, endpoint, a) },
		})
	})
	if guide != nil {
		group.Go(func() error {
			defer quit()
			return guide(ctx)
		})
	}
	err = tray.Run(ctx, b.engine, tray.Options{
		Changed: changes.Changed(), OpenLog: desk.openLog, OpenConfig: desk.openConfig,
		Autostart: entry, Logger: b.log,
	})
	if errors.Is(err, tray.ErrUnsupported) {
		b.log.Warn("no icon will be shown; the applet goes on without", "cause", err)
		<-ctx.Done()
		err = nil
	}
	quit()
	return errors.Join(err, group.Wait())
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

// desk does what popups and menu ask for that is not the engine's.
type desk struct {
	*background
	open  func(ctx context.Context, path string) error
	start func(func() error) // runs something that is waited for at the end
}

// act does what a popup's button says, and does not wait for it.
func (d *desk) act(ctx context.Context, endpoint string, a fault.ActionKind) {
	do := map[fault.ActionKind]func() error{
		fault.Retry:       func() error { d.engine.SyncNow(endpoint); return nil },
		fault.OpenLog:     func() error { return d.openLog(ctx, endpoint) },
		fault.EditConfig:  func() error { return d.editConfig(ctx, endpoint) },
		fault.ConfirmHeld: func() error { return d.engine.Confirm(endpoint) },
		fault.RestoreHeld: func() error { return d.engine.Restore(endpoint) },
	}[a]
	if do == nil {
		return
	}
	d.start(func() error {
		if err := do(); err != nil && ctx.Err() == nil {
			d.log.Error("a popup's button failed", "button", a, "endpoint", endpoint, "cause", err)
		}
		return nil
	})
}

// openLog shows the log of the endpoint's last run, that of the whole program
// where there is none.
func (d *desk) openLog(ctx context.Context, endpoint string) error {
	if endpoint != "" {
		path := d.paths.ClientLog(endpoint)
		if info, err := os.Stat(path); err == nil && info.Size() > 0 {
			return d.open(ctx, path)
		}
	}
	return d.open(ctx, d.paths.LoopLog())
}

// openConfig shows the file a person has to mend, or the list of endpoints.
func (d *desk) openConfig(ctx context.Context) error { return d.editConfig(ctx, "") }

// editConfig shows an endpoint's configuration; without an endpoint the one that
// is wrong, or the list of endpoints.
func (d *desk) editConfig(ctx context.Context, endpoint string) error {
	if endpoint != "" {
		return d.open(ctx, d.paths.Config(endpoint))
	}
	state := d.engine.State()
	if state.Setup != nil && state.Setup.Path != "" {
		return d.open(ctx, state.Setup.Path)
	}
	for _, ep := range state.Endpoints {
		if ep.Problem != nil && ep.Problem.Err.Kind == fault.Config {
			return d.open(ctx, d.paths.Config(ep.Name))
		}
	}
	return d.open(ctx, d.paths.Loop())
}
