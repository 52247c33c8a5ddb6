package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"smd-applet/guide"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
	"smd-applet/sync/restrict"
)

// withProgram does work that needs smd-applet at the server. Where that is missing
// there, or older, and somebody is at the terminal, it offers to put it there, and
// does the work again.
func withProgram(ctx context.Context, pool *remote.Pool, out io.Writer, work func() error) error {
	err := work()
	host, missing := lacksProgram(err)
	person := guide.AtTerminal()
	if !missing || person == nil {
		return err
	}
	printFault(os.Stderr, "smd-applet", fault.As(err))
	yes := true
	title := fmt.Sprintf("Put this smd-applet on %s now?", host)
	if err := person.Confirm(ctx, title, placeOfProgram, &yes); err != nil || !yes {
		return exitStatus(exitFailure) // it was told above
	}
	if err := (&deployment{out: out}).run(ctx, pool, host); err != nil {
		return err
	}
	return work()
}

// placeOfProgram is what is to be known of it before a yes.
const placeOfProgram = "It goes to ~/.local/bin there; no root is needed, and nothing else is touched."

// lacksProgram reports whether a failure goes away with the program, and where a
// person logs in to put it there. Where REMOTE_PROGRAM names another place it does
// not: the way out is then another one, of two parts.
func lacksProgram(err error) (host string, ok bool) {
	f := fault.As(err)
	if f == nil || f.Kind != fault.RemoteProgram || len(f.HintArgs) != 1 {
		return "", false
	}
	host, ok = f.HintArgs[0].(string)
	paths, err := config.DefaultPaths()
	if err != nil {
		return host, ok
	}
	if ssh, err := os.ReadFile(filepath.Join(paths.Home, ".ssh", "config")); err == nil {
		if behind, restricted := restrict.HostOf(ssh, host); restricted {
			host = behind
		}
	}
	return host, ok
}
