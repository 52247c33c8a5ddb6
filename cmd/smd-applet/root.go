package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"smd-applet/sync/fault"
)

// The exit statuses that mean the same in every command; smd-server and
// smd-client have more of their own.
const (
	exitFailure = 1
	exitUsage   = 2
)

// exitStatus is an error that has been told already and only sets the status.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// run carries out a command line and returns the exit status.
func run(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(arguments(root, args))
	err := root.ExecuteContext(ctx)
	var status exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case notRunning(err):
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(args[0]), err)
		return exitNotRunning
	case errors.As(err, new(*fault.Error)):
		printFault(os.Stderr, filepath.Base(args[0]), fault.As(err))
		return exitFailure
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(args[0]), err)
	return exitUsage
}

// arguments turns the name the program is called by into a subcommand, also
// where a shell asks what may complete that.
func arguments(root *cobra.Command, args []string) []string {
	name := filepath.Base(args[0])
	if sub, ok := strings.CutPrefix(name, "smd-"); (ok && sub != "applet") || name == "mddiff" {
		if cmd, _, err := root.Find([]string{sub}); err == nil && cmd != root {
			rest := args[1:]
			if len(rest) > 0 && slices.Contains([]string{cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}, rest[0]) {
				return slices.Insert(slices.Clone(rest), 1, sub)
			}
			return append([]string{sub}, rest...)
		}
	}
	if len(args) == 1 {
		return []string{"applet"} // as a click on its entry starts it
	}
	return args[1:]
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "smd-applet",
		Short:         "keep a Maildir the same on a laptop and a mail server",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(
		newAuthorize(), newChecksum(), newDeploy(), newKey(), newSetup(), newSurvey(),
		newAgent(), newApplet(), newAutostart(), newCensus(), newDemo(), newPull(), newPush(), newLoop(), newManual(), newMigrate(), newServer(), newClient(), newCheckConf(), newCompletion(),
		newClone(), newExplain(),
		newSync(), newPause(), newResume(), newStatus(), newProblems(), newLog(), newQuit(),
		newConfirm(), newRestore(), newLinks(), newMddiff(), newProbe(), newRestrictedShell(), newStripHeader(), newTally(), newTranslate(), newTrust(), newUniformNames(), newVersion(),
	)
	return root
}
