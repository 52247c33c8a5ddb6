package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"smd-applet/sync"
	"smd-applet/sync/check"
	"smd-applet/sync/migrate"
	"smd-applet/sync/remote"
)

func newMigrate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "take over mail that OfflineIMAP, mbsync or syncmaildir kept",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(
		newMigrateFrom("offlineimap", "OfflineIMAP", "~/.offlineimaprc", migrate.OfflineIMAP),
		newMigrateFrom("mbsync", "mbsync", "~/.mbsyncrc or ~/.config/isyncrc", migrate.Mbsync),
		newMigrateSMD(),
	)
	return cmd
}

func newMigrateFrom(use, program, files string, read func(home, file string) ([]migrate.Source, error)) *cobra.Command {
	var account, file, layout string
	var yes, dryRun bool
	m := sync.Migration{Endpoint: "default"}
	cmd := &cobra.Command{
		Use:   use + " [--account NAME] [--server HOST] [--yes]",
		Short: "take over a mailbox that " + program + " kept",
		Long: `take over a mailbox that ` + program + ` kept

It reads ` + files + ` and both ends, says what it will do, and does it after a
yes: a new tree beside the old one, with the names and the content that messages have
at the server; notmuch's tags; the configuration; the first sync; and at the end a
count of both ends, message by message. The old tree stays as it is. Run it again
after it was cut, and it goes on where it stopped.

End ` + program + ` before, and see to it that nothing starts it again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if layout != "keep" && layout != "server" {
				return fmt.Errorf("--layout is keep or server, not %s", layout)
			}
			m.ServerLayout = layout == "server"
			s, err := openSessions(false)
			if err != nil {
				return err
			}
			defer s.Pool.Close()
			sources, err := read(s.Paths.Home, file)
			if err != nil {
				return err
			}
			if m.Source, err = migrate.Choose(sources, account); err != nil {
				return err
			}
			agree := func() (bool, error) {
				if yes || dryRun {
					return yes && !dryRun, nil
				}
				return agreed(cmd.InOrStdin(), cmd.OutOrStdout())
			}
			return withProgram(cmd.Context(), s.Pool, cmd.OutOrStdout(), func() error {
				return runMigration(cmd.Context(), s, m, agree, cmd.OutOrStdout())
			})
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "the `NAME` of the account or channel, where there are several")
	cmd.Flags().StringVar(&file, "config", "", "read this `FILE` instead")
	cmd.Flags().StringVar(&m.Server, "server", "", "the `HOST` as ssh knows it; else the IMAP server's name")
	cmd.Flags().StringVar(&m.Remote, "remote", "", "the `MAILBOX` there, below the home; else it is looked for")
	cmd.Flags().StringVar(&m.Into, "into", "", "the new tree, a `MAILBOX` below the home; else the old one's name with -smd")
	cmd.Flags().StringVar(&m.Endpoint, "endpoint", m.Endpoint, "the `NAME` of the new configuration")
	cmd.Flags().StringVar(&layout, "layout", "keep", "`keep` the folder names of here, or take those of the server")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what there is to do")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do it without asking")
	return cmd
}

// agreed asks on a terminal; elsewhere nobody is there to say yes.
func agreed(in io.Reader, out io.Writer) (bool, error) {
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		fmt.Fprintln(out, "Nothing was changed; with --yes it is done.")
		return false, nil
	}
	fmt.Fprint(out, "Shall it be done? (yes or no) ")
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if strings.TrimSpace(line) != "yes" {
		fmt.Fprintln(out, "Nothing was changed.")
		return false, nil
	}
	return true, nil
}

func runMigration(ctx context.Context, s *sync.Sessions, m sync.Migration, agree func() (bool, error), out io.Writer) (err error) {
	line := newProgressLine(os.Stderr)
	g, err := s.PlanMigration(ctx, m, counting(line))
	line.clear()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	if err := printMigration(out, g.Report); err != nil {
		return err
	}
	if yes, err := agree(); err != nil || !yes {
		return err
	}
	done, err := g.Run(ctx, line.show)
	line.clear()
	if err != nil {
		return err
	}
	if err := printOutcome(out, g.Report, done); err != nil {
		return err
	}
	if !done.Proof.Equal {
		return exitStatus(exitProblems)
	}
	return nil
}

// printMigration says what a migration will do.
func printMigration(out io.Writer, r *sync.MigrationReport) error {
	var b strings.Builder
	p := r.Plan
	fmt.Fprintf(&b, "from     ~/%s: %d messages in %d folders\n", r.Old, r.Here.Messages, len(r.Folders))
	fmt.Fprintf(&b, "server   %s:%s: %d messages\n", r.Server, r.Remote, r.There.Messages)
	if r.InPlace {
		fmt.Fprintf(&b, "to       ~/%s, which is there already: this goes on\n", r.New)
	} else {
		fmt.Fprintf(&b, "to       ~/%s: %d are at the server too, %d will go there, %d will come from there\n", r.New, p.Matched, p.Upload, r.Download)
		fmt.Fprintf(&b, "         %d get another name, %d lose the former program's header, %d get the header the server has\n", p.Renamed, p.Stripped, p.Adopted)
	}
	switch r.Mode {
	case "":
		b.WriteString("folders  by the names they have at the server:\n")
		for _, f := range slices.Sorted(maps.Keys(r.Folders)) {
			fmt.Fprintf(&b, "         %s is %s\n", f, r.Folders[f])
		}
	case "move":
		b.WriteString("folders  have the same names at both ends\n")
	default:
		fmt.Fprintf(&b, "folders  keep their names; smd-translate -m %s says which is which\n", r.Mode)
	}
	list := func(what string, names []string) {
		if len(names) > 0 {
			fmt.Fprintf(&b, "note     %s: %s\n", what, strings.Join(names, ", "))
		}
	}
	list("folders that the server does not have yet", r.Guessed)
	list("left out, for they have no name on this side (--layout server takes them too)", r.Excluded)
	for _, f := range p.Flawed {
		fmt.Fprintf(&b, "note     no message (%s), comes along but is not synced: %s\n", f.Flaw, f.Name)
	}
	for _, s := range r.Strays {
		fmt.Fprintf(&b, "note     stays behind (%s): %s\n", s.Kind, s.Path)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note     %s\n", n)
	}
	if r.Tags {
		fmt.Fprintf(&b, "notmuch  gets a database of the new tree, with all tags; the old one stays\n")
	} else {
		fmt.Fprintf(&b, "notmuch  is left alone: %s\n", r.NoTags)
	}
	fmt.Fprintf(&b, "config   %s; the old tree stays as it is\n", r.Config)
	_, err := io.WriteString(out, remote.Visible(b.String()))
	return err
}

func printOutcome(out io.Writer, r *sync.MigrationReport, done *sync.Outcome) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\nsynced   %d messages came or went\n", done.Synced.New)
	if r.Tags {
		fmt.Fprintf(&b, "notmuch  %d messages have the tags they had", done.Carried)
		if n := len(done.Gone); n > 0 {
			fmt.Fprintf(&b, "; %d it knew were not in the old tree", n)
		}
		b.WriteString("\n")
	}
	if !done.Proof.Equal {
		fmt.Fprintf(&b, "proof    the two ends are NOT the same yet: smd-applet sync, then smd-applet census --compare %s\n", done.Proof.Endpoint)
	} else {
		fmt.Fprintf(&b, "proof    %d messages here and at the server, the same; every message of ~/%s is in ~/%s\n", done.Proof.Here.Total.Messages, r.Old, r.New)
	}
	fmt.Fprintf(&b, "next     tell your mail program of ~/%s, and let nothing start the former program; smd-applet keeps the rest in step\n", r.New)
	_, err := io.WriteString(out, remote.Visible(b.String()))
	return err
}

func newMigrateSMD() *cobra.Command {
	return &cobra.Command{
		Use:   "smd",
		Short: "say what is to be done where syncmaildir is set up: its files are used as they are",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := openSessions(false)
			if err != nil {
				return err
			}
			defer s.Pool.Close()
			topics, err := s.TakeOverSMD(cmd.Context())
			if err != nil {
				return err
			}
			status := error(nil)
			for _, t := range topics {
				fmt.Fprintf(cmd.OutOrStdout(), "== %s\n", t.Endpoint)
				if err := printFindings(cmd.OutOrStdout(), t.Endpoint, t.Findings); err != nil {
					return err
				}
				if check.Count(t.Findings, check.Error) > 0 {
					status = exitStatus(exitFailure)
				}
			}
			return status
		},
	}
}
