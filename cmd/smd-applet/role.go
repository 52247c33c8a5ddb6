package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"smd-applet/sync"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/guard"
	"smd-applet/sync/index"
	"smd-applet/sync/lock"
	"smd-applet/sync/maildir"
	"smd-applet/sync/translate"
	"smd-applet/sync/wire/smd1"
)

// How long a remote end waits for another run to end: its own client's last one
// may not have noticed yet that its line is cut, another client takes its time.
const (
	pairWait    = 20 * time.Second
	mailboxWait = 100 * time.Second
)

// role is what smd-server and smd-client have in common: an end of smd 1.3 on
// standard input and output, in the mailboxes named on the command line.
type role struct {
	program    string
	mailboxes  []string // their roots below the home
	store      *maildir.Store
	files      index.Files
	ledger     *guard.Ledger
	conn       *smd1.Conn
	lock, pair *lock.Lock
}

// openRole takes the locks and opens the mailboxes below $HOME.
func openRole(ctx context.Context, program, clientName string, mailboxes []string, overrideDB string, create, lockPair bool) (*role, error) {
	paths, err := config.DefaultPaths()
	if err != nil {
		return nil, err
	}
	if err := paths.Make(); err != nil {
		return nil, err
	}
	names, err := mailboxesFor(program, mailboxes)
	if err != nil {
		return nil, err
	}
	r := &role{program: program, mailboxes: names, conn: smd1.NewConn(stdio{})}
	r.files.DB = stateFile(paths, clientName, names, overrideDB)
	if lockPair {
		if r.pair, err = lock.Acquire(ctx, paths.Home, pairWait, filepath.Base(r.files.DB)); err != nil {
			return nil, err
		}
	}
	sorted := slices.Sorted(slices.Values(names))
	if r.lock, err = lock.Acquire(ctx, paths.Home, mailboxWait, sorted...); err != nil {
		return nil, errors.Join(err, r.close())
	}
	if r.ledger, err = guard.LoadLedger(r.files.DB + ".held.json"); err != nil {
		return nil, errors.Join(fault.New(fault.Internal, "read", r.files.DB, err), r.close())
	}
	if r.store, err = maildir.Open(paths.Home, maildir.SameBoxes(names), translate.Identity(), create); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// stateFile is the db-file of a client and mailboxes, or the one given instead.
func stateFile(paths config.Paths, clientName string, mailboxes []string, overrideDB string) string {
	switch {
	case overrideDB == "":
		return filepath.Join(paths.SMD(), config.DBFile(clientName, mailboxes))
	case filepath.IsAbs(overrideDB):
		return overrideDB
	}
	return filepath.Join(paths.Home, overrideDB)
}

func (r *role) close() error {
	var errs []error
	if r.store != nil {
		errs = append(errs, r.store.Close())
	}
	for _, l := range []*lock.Lock{r.lock, r.pair} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}

// report tells the other end's person what happened, on standard error, which
// becomes his server log. The line on standard output belongs to the protocol.
func report(program, clientName string, result sync.Result, err error, verbose bool) {
	if err == nil && !verbose {
		return
	}
	for _, l := range sync.TagLines(clientName, program, result, fault.As(err)) {
		fmt.Fprintln(os.Stderr, l)
	}
}

// stdio is standard input and output as a channel.
type stdio struct{}

func (stdio) Read(b []byte) (int, error)  { return os.Stdin.Read(b) }
func (stdio) Write(b []byte) (int, error) { return os.Stdout.Write(b) }
