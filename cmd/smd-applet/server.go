package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"smd-applet/sync"
	"smd-applet/sync/config"
	"smd-applet/sync/exclude"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/remote"
	"smd-applet/sync/serve"
	"smd-applet/sync/subscribe"
	"smd-applet/sync/wire/smd1"
)

// The exit statuses of smd-server (smd 1.3, spec §4.5).
const (
	serverClientVanished = 3
	serverPatchFailed    = 4
	serverClientAborted  = 5
	serverUnknownCommand = 6
	serverInternal       = 7
)

func newServer() *cobra.Command {
	var o struct {
		verbose, dryRun, noDelete, noMove, stopAfterDiff, subscribedOnly bool
		excludes                                                         []string
		overrideDB, dumpStdin                                            string
		mddiffCommand                                                    bool
	}
	cmd := &cobra.Command{
		Use:   "server [options] CLIENTNAME mailbox...",
		Short: "send this machine's changes to the client on standard input and output (started by the other end)",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := exclude.New(o.excludes, args[1:]...)
			if err != nil {
				return err
			}
			if o.mddiffCommand {
				line, err := mddiffCommand(args[0], args[1:], o.overrideDB, mddiffOptions{excludes: o.excludes, noDelete: o.noDelete, noMove: o.noMove, dryRun: o.dryRun})
				if err == nil {
					fmt.Fprintln(cmd.OutOrStdout(), line)
				}
				return err
			}
			ctx := cmd.Context()
			r, err := openRole(ctx, "smd-server", args[0], args[1:], o.overrideDB, false, true)
			if err != nil {
				return failed("smd-server", args[0], err, serverStatus)
			}
			defer r.close()
			excluded := m.Match
			if o.subscribedOnly {
				lists, err := subscribe.Load(r.store.Home(), r.mailboxes)
				if err != nil {
					return failed("smd-server", args[0], err, serverStatus)
				}
				excluded = lists.Excluded(excluded, r.store.Remote)
			}
			defer closeStdinWhenDone(ctx)()
			if o.dumpStdin != "" {
				dump, err := os.Create(o.dumpStdin)
				if err != nil {
					return failed("smd-server", args[0], fault.New(maildir.KindOf(err), "dump standard input", o.dumpStdin, err), serverStatus)
				}
				defer dump.Close()
				r.conn = smd1.NewConn(struct {
					io.Reader
					io.Writer
				}{io.TeeReader(os.Stdin, dump), os.Stdout})
			}
			sent, err := serve.Run(ctx, r.conn, serve.Options{
				Store: r.store, Files: r.files, Ledger: r.ledger, Excluded: excluded,
				NoDelete: o.noDelete, NoMove: o.noMove, DryRun: o.dryRun, StopAfterDiff: o.stopAfterDiff,
			})
			result := sync.Result{Summary: sync.Summary{New: sent.Counts.New, Deleted: sent.Counts.Deleted, Bytes: sent.Bytes, DBBytes: sent.DBBytes}}
			report("smd-server", args[0], result, err, o.verbose)
			return withStatus(err, serverStatus)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.verbose, "verbose", "v", false, "say more on standard error")
	f.BoolVarP(&o.dryRun, "dry-run", "d", false, "write nothing")
	f.BoolVarP(&o.noDelete, "no-delete", "n", false, "send no deletions")
	f.BoolVar(&o.noMove, "no-move", false, "send COPY and DELETE in place of MOVE")
	f.StringArrayVar(&o.excludes, "exclude", nil, "leave out the folders that match `GLOB`")
	f.BoolVar(&o.stopAfterDiff, "stop-after-diff", false, "end when the changes are sent")
	f.BoolVar(&o.subscribedOnly, "subscribed-only", false, "leave out the folders that nobody subscribed to in the mail server")
	f.StringVar(&o.dumpStdin, "dump-stdin", "", "copy what the client says to `FILE`")
	f.StringVar(&o.overrideDB, "override-db", "", "use `FILE` as the agreed state")
	f.BoolVar(&o.mddiffCommand, "get-mddiff-cmdline", false, "print the command line of mddiff that finds the same changes, to be run at home")
	return cmd
}

// mddiffCommand is the command line for a shell at home by which mddiff prints
// what smd-server would send.
func mddiffCommand(clientName string, mailboxes []string, overrideDB string, o mddiffOptions) (string, error) {
	paths, err := config.DefaultPaths()
	if err != nil {
		return "", err
	}
	names, err := mailboxesBelow(paths.Home, mailboxes)
	if err != nil {
		return "", err
	}
	argv := []string{"mddiff", "--db-file", stateFile(paths, clientName, names, overrideDB)}
	for _, g := range o.excludes {
		argv = append(argv, "--exclude", g)
	}
	for _, option := range []struct {
		given bool
		name  string
	}{{o.noDelete, "-n"}, {o.noMove, "--no-move"}, {o.dryRun, "-d"}} {
		if option.given {
			argv = append(argv, option.name)
		}
	}
	return remote.Quote(append(argv, names...)), nil
}

func serverStatus(err error) int {
	switch {
	case errors.Is(err, serve.ErrClientAborted):
		return serverClientAborted
	case errors.Is(err, serve.ErrPatch):
		return serverPatchFailed
	case fault.Is(err, fault.Network):
		return serverClientVanished
	case fault.Is(err, fault.Protocol):
		return serverUnknownCommand
	}
	return serverInternal
}

// failed reports a run that could not begin.
func failed(program, clientName string, err error, status func(error) int) error {
	report(program, clientName, sync.Result{}, err, true)
	return withStatus(err, status)
}

func withStatus(err error, status func(error) int) error {
	if err == nil {
		return nil
	}
	return exitStatus(status(err))
}

// closeStdinWhenDone makes a signal end a read that waits for the other end.
func closeStdinWhenDone(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { os.Stdin.Close() })
}
