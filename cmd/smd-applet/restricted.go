package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"smd-applet/sync"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

func newRestrictedShell() *cobra.Command {
	var roots []string
	cmd := &cobra.Command{
		Use:   "restricted-shell [--root mailbox]...",
		Short: "let an ssh key do nothing but sync (for authorized_keys)",
		Long: `let an ssh key do nothing but sync

In ~/.ssh/authorized_keys of the server, in front of a key ("smd-applet key" makes one
and writes the line):

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

// allowedRoles are the commands that the other end may start, each of which is
// called with a CLIENTNAME and mailboxes.
var allowedRoles = map[string]func() *cobra.Command{"agent": newAgent, "server": newServer, "client": newClient, "probe": newProbe, "tally": newTally}

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
	if len(words) == 0 || allowedRoles[words[0]] == nil {
		return nil, fmt.Errorf("%q is not allowed", line)
	}
	role := allowedRoles[words[0]]()
	if err := role.ParseFlags(words[1:]); err != nil {
		return nil, errors.New(err.Error()) // a wish for help would be granted with ours
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
	// What names a file could name any.
	if f := role.Flags().Lookup("dump-stdin"); f != nil && f.Changed {
		return nil, errors.New("the option --dump-stdin is not allowed")
	}
	if f := role.Flags().Lookup("override-db"); f != nil && f.Changed {
		dry := role.Flags().Lookup("dry-run").Changed
		if !sync.IsAgreedElsewhere(f.Value.String(), named[0], named[1:], dry) {
			return nil, fmt.Errorf("the option --override-db %s is not allowed", f.Value)
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
	paths, err := config.DefaultPaths()
	if err != nil {
		return err
	}
	leads, err := leadsTo(paths.Home, name)
	if err != nil {
		return err
	}
	hidden := func(part string) bool { return strings.HasPrefix(part, ".") }
	if slices.ContainsFunc(strings.Split(name+"/"+leads, "/"), hidden) {
		return fmt.Errorf("the hidden folder %q is not allowed as a mailbox", mailbox)
	}
	return nil
}

// leadsTo returns where a mailbox is when links are followed, of one that is not
// there yet where it would be: below the home, or absolute.
func leadsTo(home, mailbox string) (string, error) {
	home, err := filepath.EvalSymlinks(home)
	if err != nil {
		return "", err
	}
	at, missing := filepath.Join(home, mailbox), ""
	path, err := filepath.EvalSymlinks(at)
	for errors.Is(err, fs.ErrNotExist) {
		at, missing = filepath.Dir(at), filepath.Join(filepath.Base(at), missing)
		path, err = filepath.EvalSymlinks(at)
	}
	if err != nil {
		return "", err
	}
	path = filepath.Join(path, missing)
	if below, ok := strings.CutPrefix(path, home+"/"); ok {
		return below, nil
	}
	return path, nil
}

// plainWords splits a command line as a shell does that knows quotes and nothing
// else: what a shell would put in place of something is refused.
func plainWords(line string) ([]string, error) {
	if strings.ContainsFunc(line, unicode.IsControl) {
		return nil, fmt.Errorf("control characters in %q", line)
	}
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
