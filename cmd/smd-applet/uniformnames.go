package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"smd-applet/sync/durable"
	"smd-applet/sync/remote"
	"smd-applet/sync/uniform"
)

// renameScript is what smd-uniform-names writes into the home.
const renameScript = "smd-rename.sh"

func newUniformNames() *cobra.Command {
	var verbose, apply, across bool
	cmd := &cobra.Command{
		Use:   "uniform-names [endpoint]",
		Short: "give local messages the names they have at the server, before the first sync",
		Long: `give local messages the names they have at the server, before the first sync

Two copies of a mailbox that another program kept have the same messages under
different names, and would be doubled. This compares contents and writes
~/smd-rename.sh, to be looked at and run with sh; with --apply it renames at once.
Nothing is ever renamed onto another message.`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeEndpoint,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openSessions(verbose)
			if err != nil {
				return err
			}
			defer s.Pool.Close()
			plan, err := s.UniformNames(cmd.Context(), endpointOf(args), across, apply)
			if apply {
				fmt.Fprintf(cmd.OutOrStdout(), "%d messages were renamed\n", len(plan))
				return err
			}
			if err != nil {
				return err
			}
			script := filepath.Join(s.Paths.Home, renameScript)
			if err := durable.WriteFile(script, 0o600, func(w io.Writer) error { return writeRenames(w, plan) }); err != nil {
				return fmt.Errorf("write the script: %w", err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d messages are to be renamed: look at ~/%s, then run it with sh\n", len(plan), renameScript)
			return nil
		},
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "say more on standard error")
	cmd.Flags().BoolVar(&apply, "apply", false, "rename at once")
	cmd.Flags().BoolVar(&across, "across", false, "also move a message to the folder it has at the server")
	return cmd
}

// writeRenames writes the plan as a script that replaces nothing either.
func writeRenames(w io.Writer, plan []uniform.Rename) error {
	if _, err := fmt.Fprint(w, "#!/bin/sh\ncd || exit\n"); err != nil {
		return err
	}
	made := make(map[string]bool)
	for _, r := range plan {
		if f := r.To.Folder; f != r.From.Folder && !made[f] {
			made[f] = true
			line := remote.Quote([]string{"mkdir", "-p", "--", f + "/cur", f + "/new", f + "/tmp"})
			if _, err := fmt.Fprintln(w, line); err != nil {
				return err
			}
		}
		line := remote.Quote([]string{"mv", "-n", "--", r.From.String(), r.To.String()})
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
