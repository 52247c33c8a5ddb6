package main

import (
	"bufio"
	"context"
	"crypto/sha1" // what the db-file has
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"smd-applet/sync/config"
	"smd-applet/sync/delta"
	"smd-applet/sync/exclude"
	"smd-applet/sync/fault"
	"smd-applet/sync/guard"
	"smd-applet/sync/index"
	"smd-applet/sync/lock"
	"smd-applet/sync/maildir"
	"smd-applet/sync/serve"
	"smd-applet/sync/translate"
	"smd-applet/sync/wire/smd1"
)

type mddiffOptions struct {
	db                              string
	excludes                        []string
	list, noDelete, noMove, dryRun  bool
	sha1sum, makeFolders, makeFifos bool
}

func newMddiff() *cobra.Command {
	var o mddiffOptions
	cmd := &cobra.Command{
		Use:   "mddiff [options] mailbox...|fifo",
		Short: "print what changed in mailboxes since a db-file was written",
		Long: `print what changed in mailboxes since a db-file was written

The changes are printed as smd-server sends them, and the new state is written
beside the db-file, as FILE.new and FILE.mtime.new. Mailboxes are named relative to
the folder it is started in. Given one fifo in place of mailboxes, it answers each
file name read there with the SHA-1 of the header and that of the body.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			switch {
			case o.sha1sum:
				return eachFile(args, func(name string) error { return printSHA1(out, name) })
			case o.makeFolders:
				return eachFile(args, func(name string) error { return os.MkdirAll(name, 0o700) })
			case o.makeFifos:
				return eachFile(args, func(name string) error { return unix.Mkfifo(name, 0o600) })
			case len(args) == 1 && isFifo(args[0]):
				return answerFifo(cmd.Context(), args[0], out)
			}
			err := o.mailboxes(cmd.Context(), args, out)
			if err != nil && !o.list {
				fmt.Fprintln(out, smd1.FormatAction(delta.Action{Kind: delta.Fail, Text: err.Error()}))
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.db, "db-file", "db.txt", "compare with `FILE`")
	f.StringArrayVar(&o.excludes, "exclude", nil, "leave out the folders that match `GLOB`")
	f.BoolVarP(&o.list, "list", "l", false, "only list the folders of messages")
	f.BoolVarP(&o.noDelete, "no-delete", "n", false, "print no deletions")
	f.BoolVar(&o.noMove, "no-move", false, "print COPY and DELETE in place of MOVE")
	f.BoolVarP(&o.dryRun, "dry-run", "d", false, "write nothing")
	f.Int("max-mailno", 0, "how many messages to expect: as many as there are will do, `N` changes nothing")
	f.BoolVar(&o.sha1sum, "sha1sum", false, "print the SHA-1 of the files named, as sha1sum does")
	f.BoolVar(&o.makeFolders, "mkdir-p", false, "make the folders named and those above them, for the user alone")
	f.BoolVar(&o.makeFifos, "mkfifo", false, "make the fifos named, for the user alone")
	cmd.MarkFlagsMutuallyExclusive("list", "sha1sum", "mkdir-p", "mkfifo")
	return cmd
}

// mailboxes prints the changes, or the folders, of mailboxes.
func (o *mddiffOptions) mailboxes(ctx context.Context, given []string, out io.Writer) (err error) {
	paths, err := config.DefaultPaths()
	if err != nil {
		return err
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	names, err := mailboxesBelow(here, given)
	if err != nil {
		return err
	}
	excluded, err := exclude.New(o.excludes, names...)
	if err != nil {
		return err
	}
	held, err := lockMailboxes(ctx, paths.Home, here, names)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	store, err := maildir.Open(here, maildir.SameBoxes(names), translate.Identity(), false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	w := bufio.NewWriter(out)
	defer func() { err = errors.Join(err, w.Flush()) }()
	if o.list {
		_, err := store.Scan(ctx, maildir.ScanOptions{Excluded: excluded.Match}, func(l maildir.Listing) error {
			_, err := fmt.Fprintln(w, l.Folder+"/"+l.Sub)
			return err
		})
		return err
	}
	ledger, err := guard.LoadLedger(o.db + ".held.json")
	if err != nil {
		return fault.New(maildir.KindOf(err), "read the list of held deletions", o.db, err)
	}
	_, err = serve.Detect(ctx, serve.Options{
		Store: store, Files: index.Files{DB: o.db}, Ledger: ledger, Excluded: excluded.Match,
		NoDelete: o.noDelete, NoMove: o.noMove, DryRun: o.dryRun,
	}, func(a delta.Action) error {
		_, err := fmt.Fprintln(w, smd1.FormatAction(a))
		return err
	})
	return err
}

// lockMailboxes takes the locks a run takes in mailboxes below dir, sorted, so
// that no two wait for each other.
func lockMailboxes(ctx context.Context, home, dir string, names []string) (*lock.Lock, error) {
	fromHome, err := filepath.Rel(home, dir)
	if err != nil {
		return nil, err
	}
	locks := make([]string, len(names))
	for i, n := range names {
		locks[i] = filepath.Join(fromHome, n)
	}
	slices.Sort(locks)
	return lock.Acquire(ctx, home, mailboxWait, locks...)
}

// eachFile does something with each file, whatever became of those before.
func eachFile(names []string, do func(string) error) error {
	var errs []error
	for _, n := range names {
		errs = append(errs, do(n))
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitStatus(exitFailure)
	}
	return nil
}

// printSHA1 prints a line of sha1sum.
func printSHA1(out io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha1.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%x  %s\n", h.Sum(nil), name)
	return err
}

func isFifo(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().Type() == os.ModeNamedPipe
}

// answerFifo answers each line read from a fifo with the digests of the file it
// names, or with why there are none, until those who write have gone.
func answerFifo(ctx context.Context, fifo string, out io.Writer) error {
	ended := make(chan error, 1)
	go func() { // a signal can't end the wait for somebody who writes
		f, err := os.Open(fifo)
		if err != nil {
			ended <- err
			return
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			answer := ""
			if sum, err := sumFile(lines.Text()); err != nil {
				answer = smd1.FormatAction(delta.Action{Kind: delta.Fail, Text: err.Error()})
			} else {
				answer = sum.Header.String() + " " + sum.Body.String()
			}
			if _, err := fmt.Fprintln(out, answer); err != nil {
				ended <- err
				return
			}
		}
		ended <- lines.Err()
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return exitStatus(exitFailure)
	}
}

func sumFile(name string) (maildir.Sum, error) {
	st, err := os.Stat(name)
	if err != nil {
		return maildir.Sum{}, err
	}
	if !st.Mode().IsRegular() {
		return maildir.Sum{}, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return maildir.Sum{}, err
	}
	defer f.Close()
	sum, err := maildir.SumReader(f)
	if err != nil {
		return maildir.Sum{}, fmt.Errorf("%s: %w", name, err)
	}
	return sum, nil
}
