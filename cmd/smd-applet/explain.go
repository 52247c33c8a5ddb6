package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"smd-applet/sync"
	"smd-applet/sync/config"
	"smd-applet/sync/explain"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
)

func newExplain() *cobra.Command {
	o := explain.Options{}
	cmd := &cobra.Command{
		Use:   "explain [endpoint | message-id | file]",
		Short: "tell what the last run did, or what became of a message",
		Long: `tell what the last run did, or what became of a message

Without an argument, or with an endpoint, the last run is told: which folders changed,
from which end, what is held back and how to bring it back. With a Message-ID (id:...,
<...> or just with an @) or the file of a message, which may be gone, it is told where
that came from and what each run did to it. The history goes back 30 days and is
kept in ~/.smd/history; of runs that change more than 1000 messages it knows the
names of all but the Message-IDs of the first 1000 only.`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeEndpointOrFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Runs < 1 {
				return errors.New("--runs is 1 or more")
			}
			paths, err := config.DefaultPaths()
			if err != nil {
				return err
			}
			endpoints, err := config.Endpoints(paths)
			if err != nil {
				return err
			}
			o.Now = time.Now()
			switch {
			case len(args) == 0 && len(endpoints) == 0:
				return errors.New("there is no endpoint yet: smd-pull -t writes the configuration of one")
			case len(args) == 0:
			case slices.Contains(endpoints, args[0]):
				endpoints = args
			default:
				return explainMessage(cmd.Context(), cmd.OutOrStdout(), paths, endpoints, args[0])
			}
			for _, e := range endpoints {
				if err := explain.Runs(cmd.OutOrStdout(), paths.HistoryDir(), e, o); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().IntVarP(&o.Runs, "runs", "n", 1, "how many runs to tell of, of those that changed something")
	cmd.Flags().BoolVarP(&o.Messages, "messages", "m", false, "name every message")
	return cmd
}

// completeEndpointOrFile offers the endpoints, and leaves files to the shell.
func completeEndpointOrFile(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	names, directive := completeEndpoint(cmd, args, begun)
	if len(args) == 0 && directive == cobra.ShellCompDirectiveNoFileComp {
		directive = cobra.ShellCompDirectiveDefault
	}
	return names, directive
}

// explainMessage tells what became of the message that is named by its Message-ID
// or its file.
func explainMessage(ctx context.Context, out io.Writer, paths config.Paths, endpoints []string, named string) error {
	held := heldMessages(ctx, paths, endpoints)
	if file, ok := messageFile(paths.Home, named); ok {
		found, err := explain.ByPath(paths.HistoryDir(), file)
		if err != nil {
			return err
		}
		tellMessages(out, paths, held, found, file)
		return nil
	}
	id, marked := strings.CutPrefix(named, "id:")
	if !marked && !strings.Contains(named, "@") && !strings.HasPrefix(named, "<") {
		return fmt.Errorf("%s is no endpoint, no message's file below the home and no Message-ID (id:... makes it one)", named)
	}
	found, err := explain.ByMessageID(paths.HistoryDir(), id)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		tellMessages(out, paths, held, found, "")
		return nil
	}
	files, err := explain.Find(ctx, paths.Home, mailboxesOf(ctx, paths, endpoints), id)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		fmt.Fprintf(out, "no message with that Message-ID is in the mailboxes, and none came or went %s\n", sinceWhen(paths))
		return exitStatus(exitFailure)
	}
	for _, file := range files {
		if found, err = explain.ByPath(paths.HistoryDir(), file); err != nil {
			return err
		}
		tellMessages(out, paths, held, found, file)
	}
	return nil
}

// messageFile returns the path below the home of what may be a message's file: one
// that exists, or a path as those in a Maildir are.
func messageFile(home, named string) (string, bool) {
	abs, err := filepath.Abs(named)
	if err != nil {
		return "", false
	}
	if st, err := os.Stat(abs); err != nil || !st.Mode().IsRegular() {
		sub := filepath.Base(filepath.Dir(named))
		if sub != "cur" && sub != "new" {
			return "", false
		}
		// Paths are told below the home: that is where one goes from.
		if _, err := os.Stat(filepath.Dir(abs)); err != nil && !filepath.IsAbs(named) {
			abs = filepath.Join(home, named)
		}
	}
	rel, err := filepath.Rel(home, abs)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	return rel, true
}

func tellMessages(out io.Writer, paths config.Paths, held []sync.HeldMessage, found []*explain.Message, file string) {
	if len(found) == 0 {
		fmt.Fprintf(out, "%s\n  no run did anything to it %s\n", file, sinceWhen(paths))
		tellNow(out, paths, held, &explain.Message{Path: file})
	}
	for _, m := range found {
		fmt.Fprintln(out, m.Path)
		m.Write(out)
		tellNow(out, paths, held, m)
	}
}

// tellNow tells how things stand with a message.
func tellNow(out io.Writer, paths config.Paths, held []sync.HeldMessage, m *explain.Message) {
	folder := filepath.Dir(filepath.Dir(m.Path))
	unique, _ := maildir.SplitFlags(filepath.Base(m.Path))
	now, here := explain.Locate(paths.Home, m.Path)
	for _, h := range held {
		if h.Folder != folder || h.Unique != unique {
			continue
		}
		which := "deleted at the server, and that is held back: it is still here"
		if h.By == sync.Push {
			which = "deleted here, and that is held back: it is still at the server"
		}
		fmt.Fprintf(out, "  now: %s\n    smd-applet restore %s brings it back, smd-applet confirm %s deletes it at both ends\n", which, h.Endpoint, h.Endpoint)
		return
	}
	switch {
	case here && now == m.Path:
		fmt.Fprintln(out, "  now: it is here")
	case here:
		fmt.Fprintf(out, "  now: it is here, as %s\n", now)
	case m.Gone:
		fmt.Fprintln(out, "  now: gone at both ends")
	default:
		fmt.Fprintln(out, "  now: not in that folder here; if it was moved or deleted here, the next sync tells the server")
	}
}

// sinceWhen tells how far the history goes back.
func sinceWhen(paths config.Paths) string {
	since, err := explain.Since(paths.HistoryDir())
	if err != nil || since.IsZero() {
		return "as far as is known: there is no history yet"
	}
	return "since " + since.Format("2006-01-02 15:04") + ", which is as far as the history goes back"
}

// heldMessages are those of all endpoints. An endpoint that can't tell, because a
// run is going on or its configuration is wrong, has none.
func heldMessages(ctx context.Context, paths config.Paths, endpoints []string) []sync.HeldMessage {
	sessions := &sync.Sessions{Paths: paths, Log: newLogger(os.Stderr, false)}
	var all []sync.HeldMessage
	for _, e := range endpoints {
		held, err := sessions.HeldMessages(ctx, e)
		if err != nil && !fault.Is(err, fault.MailboxMissing) && !errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(os.Stderr, "smd-applet: what is held back of %s is not known: %v\n", e, err)
		}
		all = append(all, held...)
	}
	return all
}

// mailboxesOf are the local mailboxes of all endpoints whose configuration can be
// read.
func mailboxesOf(ctx context.Context, paths config.Paths, endpoints []string) []string {
	var all []string
	for _, name := range endpoints {
		if e, err := config.Load(ctx, paths, name); err == nil {
			all = append(all, e.LocalMailboxes()...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
