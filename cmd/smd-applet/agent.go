package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"smd-applet/sync/config"
	"smd-applet/sync/exclude"
	"smd-applet/sync/fault"
	"smd-applet/sync/index"
	"smd-applet/sync/lock"
	"smd-applet/sync/maildir"
	"smd-applet/sync/subscribe"
	"smd-applet/sync/tracker"
	"smd-applet/sync/translate"
	"smd-applet/sync/twoway"
	"smd-applet/sync/watch"
	"smd-applet/sync/wire/smd2"
)

func newAgent() *cobra.Command {
	return &cobra.Command{
		Use:   "agent CLIENTNAME mailbox...",
		Short: "be the other end of a two-way sync on standard input and output (started by the other end)",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := config.DefaultPaths()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			defer closeStdinWhenDone(ctx)()
			a := &agent{paths: paths, client: args[0], log: newLogger(os.Stderr, false)}
			if a.mailboxes, err = mailboxesFor("agent", args[1:]); err != nil {
				return err
			}
			// The main goroutine is bound to the thread that a tray would draw with: each
			// message handed to it would be a switch of threads.
			served := make(chan error, 1)
			go func() { served <- a.serve(ctx) }()
			err = <-served
			if err != nil && cmd.Context().Err() == nil {
				printFault(os.Stderr, "smd-applet agent", fault.As(err))
				return exitStatus(exitFailure)
			}
			return nil
		},
	}
}

// agent is the remote end's own part of smd/2: its mailboxes and its locks.
type agent struct {
	paths     config.Paths
	client    string
	mailboxes []string
	log       *slog.Logger
}

func (a *agent) serve(ctx context.Context) error {
	var excluded func(local string) bool
	channel := smd2.Limit(ctx, stdio{}, 0, 0)
	return twoway.Agent(ctx, smd2.NewConn(channel, channel, smd2.Options{}), twoway.AgentOptions{
		Program: "smd-applet " + version, Log: a.log,
		Open: func(_ context.Context, hello *smd2.Hello) (*twoway.End, error) {
			channel.Set(hello.LimitUp, 0)
			var err error
			if excluded, err = a.excluded(hello); err != nil {
				return nil, err
			}
			return a.open(hello, excluded)
		},
		Close: func(e *twoway.End) error { return errors.Join(e.DB.Close(), e.Store.Close()) },
		Lock:  a.lock,
		Idle:  giveBack,
		Watch: func(ctx context.Context) (twoway.Watch, error) {
			return watch.OpenTree(ctx, a.paths.Home, a.mailboxes, excluded, a.log)
		},
	})
}

// excluded is what the client wants left out.
func (a *agent) excluded(hello *smd2.Hello) (func(local string) bool, error) {
	m, err := exclude.New(hello.Excludes, a.mailboxes...)
	if err != nil || !hello.Subscribe {
		return m.Match, err
	}
	lists, err := subscribe.Load(a.paths.Home, a.mailboxes)
	if err != nil {
		return nil, err
	}
	return lists.Excluded(m.Match, func(local string) (string, error) { return local, nil }), nil
}

// open opens the mailboxes below $HOME, which are made where there are none yet,
// and the state agreed on with this client.
func (a *agent) open(hello *smd2.Hello, excluded func(string) bool) (*twoway.End, error) {
	if err := a.paths.Make(); err != nil {
		return nil, err
	}
	boxes := make([]maildir.Box, len(a.mailboxes))
	for i, m := range a.mailboxes {
		boxes[i] = maildir.Box{Local: m, Remote: m}
	}
	dbFile := filepath.Join(a.paths.SMD(), config.DBFile(a.client, a.mailboxes))
	path := strings.TrimSuffix(dbFile, ".db.txt") + ".agent.agreed"
	_, missing := os.Stat(path)
	store, err := maildir.Open(a.paths.Home, boxes, translate.Identity(), missing != nil && !hello.DryRun)
	if err != nil {
		return nil, err
	}
	db, err := twoway.OpenState(path, index.Files{DB: dbFile}, hello.DryRun, a.log)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &twoway.End{
		Store: store, DB: db, Log: a.log,
		Tracker: tracker.New(tracker.Options{Store: store, DB: db, Excluded: excluded, Log: a.log}),
	}, nil
}

// lock takes the locks of one run.
func (a *agent) lock(ctx context.Context) (func() error, error) {
	pair, err := lock.Acquire(ctx, a.paths.Home, pairWait, config.DBFile(a.client, a.mailboxes))
	if err != nil {
		return nil, err
	}
	boxes, err := lock.Acquire(ctx, a.paths.Home, mailboxWait, slices.Sorted(slices.Values(a.mailboxes))...)
	if err != nil {
		return nil, errors.Join(err, pair.Close())
	}
	return func() error { return errors.Join(boxes.Close(), pair.Close()) }, nil
}
