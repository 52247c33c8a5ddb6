package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"smd-applet/sync"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/lock"
	"smd-applet/sync/remote"
	"smd-applet/sync/watch"
)

func newLoop() *cobra.Command {
	var verbose, templateOnly bool
	cmd := &cobra.Command{
		Use:   "loop",
		Short: "keep the endpoints of ~/.smd/loop in step until it is ended",
		Long: `keep the endpoints of ~/.smd/loop in step until it is ended

SIGUSR1 syncs now, SIGUSR2 pauses and resumes, SIGHUP reads the configuration again.`,
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
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "log to standard error too")
	cmd.Flags().BoolVarP(&templateOnly, "template-only", "t", false, "write ~/.smd/loop if there is none, then end")
	return cmd
}

func loop(ctx context.Context, paths config.Paths, verbose bool) (err error) {
	if err := paths.Make(); err != nil {
		return err
	}
	held, _, err := lock.Loop(paths.Home)
	if err != nil {
		return err
	}
	defer held.Close()
	file, err := os.OpenFile(paths.LoopLog(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fault.New(fault.Permission, "open the log", paths.LoopLog(), err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var w io.Writer = file
	if verbose {
		w = io.MultiWriter(file, os.Stderr)
	}
	log := slog.New(slog.NewTextHandler(w, nil))
	engine, pool, err := newEngine(paths, log)
	if err != nil {
		return err
	}
	defer pool.Close()
	defer obeySignals(engine)()
	return engine.Run(ctx)
}

// newEngine puts the engine together as loop and applet use it; the caller
// closes the pool after the engine's end.
func newEngine(paths config.Paths, log *slog.Logger) (*sync.Engine, *remote.Pool, error) {
	self, err := programPath()
	if err != nil {
		return nil, nil, err
	}
	pool := &remote.Pool{Log: log}
	return sync.NewEngine(sync.Options{
		Paths: paths, Logger: log,
		Runner:  &sync.Sessions{Paths: paths, Program: self, Log: log, Pool: pool},
		Watcher: &watch.Watcher{Log: log},
	}), pool, nil
}

// obeySignals turns signals into engine calls until stop is called.
func obeySignals(e *sync.Engine) (stop func()) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		paused := false
		for s := range signals {
			switch s {
			case syscall.SIGUSR1:
				e.SyncNow("")
			case syscall.SIGHUP:
				e.Reload()
			case syscall.SIGUSR2:
				if paused = !paused; paused {
					e.Pause("")
				} else {
					e.Resume("")
				}
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-ended
	}
}
