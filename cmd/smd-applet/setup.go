package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"smd-applet/guide"
	"smd-applet/sync/remote"
)

func newSetup() *cobra.Command {
	s := &setting{}
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "set up the sync of a mailbox with a server, question by question",
		Long: `set up the sync of a mailbox with a server, question by question

It tries the login, puts smd-applet on the server, finds the mailboxes at both ends,
proposes how to name folders and what to leave out, shows what it would write, and
writes ~/.smd/config.NAME and ~/.smd/loop; then a key that may only sync, the first
sync and the start at login, as you like. Every answer is also an option; what an
option says is not asked. With --yes, or without a terminal, nothing is asked: what
it would propose counts. What is there already is edited, never replaced: run it
again to change something.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.given = cmd.Flags().Changed
			s.out = cmd.OutOrStdout()
			if !s.yes {
				s.guide = guide.AtTerminal()
			}
			log := newLogger(os.Stderr, false)
			s.pool = &remote.Pool{Log: log}
			defer s.pool.Close()
			s.log = log
			err := s.run(new(remote.Click).On(cmd.Context()))
			if errors.Is(err, guide.ErrStopped) {
				fmt.Fprintf(os.Stderr, "smd-applet: %v\n", err)
				return exitStatus(exitFailure)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.answers.Endpoint, "endpoint", "default", "the endpoint's `NAME`, as in ~/.smd/config.NAME")
	f.StringVar(&s.server, "server", "", "the `HOST` of ~/.ssh/config to sync with, or user@host")
	f.StringVar(&s.hostKey, "host-key", "", "trust the server if its key has this `fingerprint` (SHA256:…)")
	f.StringVar(&s.from, "from", "", "the release `folder` to take the server's program from")
	f.StringVar(&s.answers.Local, "local", "", "the `MAILBOX` here, below the home")
	f.StringVar(&s.answers.Remote, "remote", "", "the `MAILBOX` at the server, below the home there")
	f.StringVar(&s.answers.Mode, "names", "", "how folders are named here: a `MODE` of smd-translate; move leaves them as they are")
	f.StringArrayVar(&s.exclude, "exclude", nil, "leave out this `folder` of the mailbox, as the server names it; may be repeated")
	f.DurationVar(&s.answers.Pull, "pull", 3*time.Minute, "how often the server is asked for changes, where it does not tell by itself")
	f.DurationVar(&s.answers.Push, "push", 10*time.Minute, "how often changes here are looked for, besides at once")
	f.BoolVar(&s.deploy, "deploy", true, "put smd-applet on the server where it is missing or older")
	f.BoolVar(&s.key, "key", false, "make a key that may only sync, and use it")
	f.BoolVar(&s.sync, "sync", false, "make the first sync")
	f.BoolVar(&s.autostart, "autostart", false, "start the applet at login")
	f.BoolVarP(&s.dryRun, "dry-run", "d", false, "write nothing at either end, show what would be written")
	f.BoolVarP(&s.yes, "yes", "y", false, "ask nothing: take what is proposed")
	return cmd
}
