package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"smd-applet/sync"
	"smd-applet/sync/apply"
	"smd-applet/sync/fault"
)

// The exit statuses of smd-client (smd 1.3, spec §4.5).
const (
	clientTransferFailed = 1
	clientActionFailed   = 3
	clientPatchFailed    = 4
	clientBadDiff        = 6
)

func newClient() *cobra.Command {
	var o struct {
		verbose, dryRun, local bool
		overrideDB             string
	}
	cmd := &cobra.Command{
		Use:   "client [options] CLIENTNAME mailbox...",
		Short: "apply the changes of the server on standard input and output (started by the other end)",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			r, err := openRole(ctx, "smd-client", args[0], args[1:], o.overrideDB, !o.dryRun, !o.local)
			if err != nil {
				return failed("smd-client", args[0], err, clientStatus)
			}
			defer r.close()
			defer closeStdinWhenDone(ctx)()
			got, err := apply.Run(ctx, r.conn, apply.Options{
				Store: r.store, Files: r.files, Ledger: r.ledger, DryRun: o.dryRun, SharedState: o.local,
				FailOnConflict: os.Getenv("ON_CONFLICT") == "fail", Log: newLogger(os.Stderr, o.verbose),
			})
			result := sync.Result{Summary: sync.Summary{New: got.Counts.New, Deleted: got.Counts.Deleted, Bytes: got.Bytes, DBBytes: got.DBBytes}}
			report("smd-client", args[0], result, err, o.verbose)
			return withStatus(err, clientStatus)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.verbose, "verbose", "v", false, "say more on standard error")
	f.BoolVarP(&o.dryRun, "dry-run", "d", false, "write nothing")
	f.BoolVarP(&o.local, "local-sync", "l", false, "both ends are on this machine and share the agreed state")
	f.StringVar(&o.overrideDB, "override-db", "", "use `FILE` as the agreed state")
	return cmd
}

func clientStatus(err error) int {
	switch {
	case errors.Is(err, apply.ErrPatch):
		return clientPatchFailed
	case fault.Is(err, fault.Network), fault.Is(err, fault.ConcurrentEdit):
		return clientTransferFailed
	case fault.Is(err, fault.Protocol), fault.Is(err, fault.RemoteFailed), fault.Is(err, fault.DBMismatch):
		return clientBadDiff
	}
	return clientActionFailed
}
