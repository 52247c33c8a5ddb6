package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	stdsync "sync"
	"syscall"
	"time"

	"smd-applet/control"
	"smd-applet/logbook"
	"smd-applet/sync"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/lock"
	"smd-applet/sync/notmuch"
	"smd-applet/sync/remote"
	"smd-applet/sync/watch"
)

// background is what runs behind the loop and the applet: the engine, its
// connections, its log, and the lock that lets a home have only one of them.
type background struct {
	paths    config.Paths
	engine   *sync.Engine
	pool     *remote.Pool
	sessions *sync.Sessions
	log      *slog.Logger
	close    func() error
}

// logging is what is logged, and where.
type logging struct {
	file    slog.Level
	console slog.Handler
}

// newLogging logs runs and failures to the file, everything where it is to be
// verbose. Standard error gets the same where it is systemd's journal or verbose
// is asked for; else what is quiet and above.
func newLogging(verbose bool, quiet slog.Level) logging {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	if verbose || logbook.IsJournal(os.Stderr) {
		quiet = level
	}
	return logging{level, logbook.NewConsole(os.Stderr, quiet)}
}

// silence is above everything that is logged.
const silence = slog.LevelError + 1

// openBackground puts a background together, which the caller closes after the
// engine's end; notmuch ends with ctx. The log goes to the home's log file and to
// console. While another one runs, the error is of kind [fault.Locked] and other
// is its process.
func openBackground(ctx context.Context, paths config.Paths, l logging) (b *background, other int, err error) {
	self, err := programPath()
	if err != nil {
		return nil, 0, err
	}
	if err := paths.Make(); err != nil {
		return nil, 0, err
	}
	held, pid, err := lock.Loop(paths.Home)
	if err != nil {
		return nil, pid, err
	}
	file, err := logbook.Open(paths.LoopLog(), logbook.Standard)
	if err != nil {
		err = fault.New(fault.Permission, "open the log", paths.LoopLog(), err)
		return nil, 0, errors.Join(err, held.Close())
	}
	log := slog.New(slog.NewMultiHandler(logbook.New(file, l.file), l.console))
	pool := &remote.Pool{Log: log}
	indexing := notmuch.NewBackground(ctx, log)
	sessions := &sync.Sessions{Paths: paths, Program: self, Log: log, Pool: pool, Notmuch: indexing, Resident: true}
	engine := sync.NewEngine(sync.Options{
		Paths: paths, Logger: log,
		Runner:  tidy{sessions},
		Watcher: &watch.Watcher{Log: log},
	})
	sessions.Wake = engine.Wake
	stop := obeySignals(engine)
	return &background{
		paths: paths, engine: engine, pool: pool, sessions: sessions, log: log,
		close: func() error {
			stop()
			sessions.Close()
			indexing.Close()
			pool.Close()
			return errors.Join(file.Close(), held.Close())
		},
	}, 0, nil
}

// run runs the engine, and beside it what tells of it and steers it, until ctx ends.
// sessionEnd may be nil, as in [machine.Handler].
func (b *background) run(ctx context.Context, o control.Options, sessionEnd func()) error {
	o.Home, o.Logger = b.paths.Home, b.log
	ctx, cancel := context.WithCancel(ctx)
	var beside stdsync.WaitGroup
	defer beside.Wait()
	defer cancel()
	beside.Go(func() { b.tellSystemd(ctx) })
	beside.Go(func() {
		if err := control.Serve(ctx, b.engine, o); err != nil {
			b.log.Warn("the commands and status bars get no answer", "cause", err)
		}
	})
	known := make(chan struct{})
	beside.Go(func() { b.followMachine(ctx, sessionEnd, func() { close(known) }) })
	select {
	case <-known:
	case <-time.After(machineTime):
	}
	return b.engine.Run(ctx)
}

// tidy gives the memory a run needed back to the system: between two runs the
// program has little to remember.
type tidy struct{ *sync.Sessions }

// Run implements [sync.Runner].
func (t tidy) Run(ctx context.Context, endpoint string, d sync.Direction, progress func(sync.Progress)) (sync.Result, error) {
	defer giveBack()
	return t.Sessions.Run(ctx, endpoint, d, progress)
}

// RunBoth implements [sync.BothWays].
func (t tidy) RunBoth(ctx context.Context, endpoint string, progress func(sync.Progress)) (sync.Result, error) {
	defer giveBack()
	return t.Sessions.RunBoth(ctx, endpoint, progress)
}

// obeySignals turns signals into engine calls until stop is called.
func obeySignals(e *sync.Engine) (stop func()) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for s := range signals {
			switch s {
			case syscall.SIGUSR1:
				e.SyncUnattended("")
			case syscall.SIGHUP:
				e.Reload()
			case syscall.SIGUSR2:
				if runs := func(ep sync.EndpointState) bool { return !ep.Paused }; slices.ContainsFunc(e.State().Endpoints, runs) {
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
