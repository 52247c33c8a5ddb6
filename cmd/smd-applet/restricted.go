package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

func newRestrictedShell() *cobra.Command {
	var roots []string
	cmd := &cobra.Command{
		Use:   "restricted-shell [--root mailbox]...",
		Short: "let an ssh key do nothing but sync (for authorized_keys)",
		Long: `let an ssh key do nothing but sync

In ~/.ssh/authorized_keys of the server, in front of a key:

  command="smd-restricted-shell --root Mail",restrict ssh-ed25519 …

It runs $SSH_ORIGINAL_COMMAND if that is smd-server or smd-client (or asks what folders
there are), never by a shell, and with --root only for these mailboxes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			args, err := allowedCommand(os.Getenv("SSH_ORIGINAL_COMMAND"), roots)
			if err != nil {
				return &fault.Error{
					Kind: fault.Permission, Op: "smd-restricted-shell", Err: err,
					Hint: "this key may run smd-server and smd-client only; see command= in ~/.ssh/authorized_keys on the server",
				}
			}
			root := newRoot()
			root.SetArgs(args)
			return root.ExecuteContext(cmd.Context())
		},
	}
	cmd.Flags().StringArrayVar(&roots, "root", nil, "allow this `MAILBOX` only; may be repeated")
	return cmd
}

// allowedCommand returns the subcommand and its arguments that a command line of
// the other end stands for, if roots allow it.
func allowedCommand(line string, roots []string) ([]string, error) {
	words, err := plainWords(line)
	if err != nil {
		return nil, err
	}
	if len(words) > 0 && filepath.Base(words[0]) == "smd-applet" {
		words = words[1:]
	} else if len(words) > 0 {
		words[0] = strings.TrimPrefix(filepath.Base(words[0]), "smd-")
	}
	roles := map[string]func() *cobra.Command{"server": newServer, "client": newClient, "probe": newProbe}
	if len(words) == 0 || roles[words[0]] == nil {
		return nil, fmt.Errorf("%q is not allowed", line)
	}
	role := roles[words[0]]()
	if err := role.ParseFlags(words[1:]); err != nil {
		return nil, err
	}
	for _, name := range []string{"override-db", "dump-stdin", "help"} { // they name files
		if f := role.Flags().Lookup(name); f != nil && f.Changed {
			return nil, fmt.Errorf("the option --%s is not allowed", name)
		}
	}
	named := role.Flags().Args()
	if len(named) < 2 {
		return nil, errors.New("no mailbox is named")
	}
	for _, mailbox := range named[1:] {
		if err := allowedMailbox(mailbox, roots); err != nil {
			return nil, err
		}
	}
	return words, nil
}

func allowedMailbox(mailbox string, roots []string) error {
	name, err := config.CleanMailbox(mailbox)
	if err != nil {
		return err
	}
	if len(roots) > 0 {
		for _, r := range roots {
			if clean, err := config.CleanMailbox(r); err == nil && clean == name {
				return nil
			}
		}
		return fmt.Errorf("the mailbox %q is not allowed", mailbox)
	}
	hidden := func(part string) bool { return strings.HasPrefix(part, ".") }
	if slices.ContainsFunc(strings.Split(name, "/"), hidden) {
		return fmt.Errorf("the hidden folder %q is not allowed as a mailbox", mailbox)
	}
	return nil
}

// plainWords splits a command line as a shell does that knows quotes and nothing
// else: what a shell would put in place of something is refused.
func plainWords(line string) ([]string, error) {
	var words []string
	for w, err := range syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).WordsSeq(strings.NewReader(line)) {
		if err != nil {
			return nil, err
		}
		plain := true
		syntax.Walk(w, func(n syntax.Node) bool {
			switch n.(type) {
			case nil, *syntax.Word, *syntax.Lit, *syntax.SglQuoted, *syntax.DblQuoted:
			default:
				plain = false
			}
			return plain
		})
		if !plain {
			return nil, fmt.Errorf("%q asks for a shell", line)
		}
		word, err := expand.Literal(nil, w)
		if err != nil {
			return nil, err
		}
		words = append(words, word)
	}
	return words, nil
}
