package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"smd-applet/sync/remote"
)

func newTrust() *cobra.Command {
	return &cobra.Command{
		Use:   "trust host",
		Short: "show the key of a mail server, and trust it after a yes",
		Long: `show the key of a mail server, and trust it after a yes

The host is the SERVERNAME of a configuration. Compare the fingerprint with the
one the server itself tells, or its administrator, before you say yes.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return trust(cmd.Context(), args[0], cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}

func trust(ctx context.Context, alias string, in io.Reader, out io.Writer) error {
	key, err := remote.FetchHostKey(ctx, alias, newLogger(os.Stderr, false))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s shows the %s key %s\n", alias, key.Type, key.Fingerprint)
	if key.Trusted {
		fmt.Fprintln(out, "It is trusted already.")
		return nil
	}
	if key.Replaces != nil {
		fmt.Fprintf(out, "\nIT IS NOT THE KEY ON RECORD: %s\n", strings.Join(key.Replaces, ", "))
		fmt.Fprintln(out, "Either the server was reinstalled, or someone is between you and it.")
	}
	name := strings.TrimPrefix(key.Type, "ssh-")
	fmt.Fprintf(out, "On the server, this shows its true fingerprint:\n  ssh-keygen -lf /etc/ssh/ssh_host_%s_key.pub\n", strings.SplitN(name, "-", 2)[0])
	fmt.Fprint(out, "Are they the same, shall it be trusted? (yes or no) ")
	answers := make(chan string, 1)
	go func() { // until there is an answer: a read can't be called off
		line, _ := bufio.NewReader(in).ReadString('\n')
		answers <- strings.TrimSpace(line)
	}()
	var answer string
	select {
	case answer = <-answers:
	case <-ctx.Done():
		fmt.Fprintln(out)
	}
	if answer != "yes" {
		fmt.Fprintln(out, "It is not trusted; nothing was changed.")
		return exitStatus(exitFailure)
	}
	if err := key.Record(); err != nil {
		return err
	}
	fmt.Fprintln(out, "It is trusted from now on.")
	return nil
}
