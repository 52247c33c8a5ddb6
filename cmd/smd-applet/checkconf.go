package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"smd-applet/sync/check"
	"smd-applet/sync/remote"
)

func newCheckConf() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check-conf [endpoint]",
		Short: "say all that is wrong with a configuration, at both ends",
		Long: `say all that is wrong with a configuration, at both ends

It looks at the configuration, the way to the server, the programs there, mailboxes,
folder names and back, excludes, room and clocks. It lists folders, never messages.
The status is 1 where there is an error; a warning or a note may be as you mean it.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeEndpoint,
		RunE: func(cmd *cobra.Command, args []string) error {
			endpoint := endpointOf(args)
			s, err := openSessions(false)
			if err != nil {
				return err
			}
			defer s.Pool.Close()
			s.Version = "smd-applet " + version
			findings, err := s.Check(cmd.Context(), endpoint)
			if err != nil {
				return err
			}
			show := printFindings
			if asJSON {
				show = writeFindings
			}
			if err := show(cmd.OutOrStdout(), endpoint, findings); err != nil {
				return err
			}
			if check.Count(findings, check.Error) > 0 {
				return exitStatus(exitFailure)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it for a program to read")
	return cmd
}

// writeFindings writes one JSON object.
func writeFindings(w io.Writer, endpoint string, findings []check.Finding) error {
	return writeJSON(w, struct {
		Endpoint string          `json:"endpoint"`
		OK       bool            `json:"ok"`
		Findings []check.Finding `json:"findings"`
	}{endpoint, check.Count(findings, check.Error) == 0, findings})
}

// printFindings prints the findings by topic, and what to do on a line of its own.
func printFindings(w io.Writer, _ string, findings []check.Finding) error {
	var b strings.Builder
	topic := ""
	for _, f := range findings {
		if f.Topic != topic {
			topic = f.Topic
			fmt.Fprintln(&b, topic)
		}
		fmt.Fprintf(&b, "  %-7s  %s\n", f.Level, f.Text)
		if f.Fix != "" {
			fmt.Fprintf(&b, "  %-7s  fix: %s\n", "", f.Fix)
		}
	}
	errs, warnings := check.Count(findings, check.Error), check.Count(findings, check.Warning)
	if errs+warnings == 0 {
		b.WriteString("all is well\n")
	} else {
		fmt.Fprintf(&b, "errors: %d, warnings: %d\n", errs, warnings)
	}
	_, err := io.WriteString(w, remote.Visible(b.String()))
	return err
}
