package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"smd-applet/sync/config"
	"smd-applet/sync/deploy"
	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
	"smd-applet/sync/restrict"
)

func newKey() *cobra.Command {
	var alias string
	var mailboxes []string
	var remove, dryRun bool
	cmd := &cobra.Command{
		Use:   "key host",
		Short: "make an ssh key that may do nothing on a server but sync",
		Long: `make an ssh key that may do nothing on a server but sync

The host is one where you can log in, and where smd-applet is (smd-applet deploy).
A new key goes to ~/.ssh, a line that lets it in, for the mailboxes of the
configuration only, to ~/.ssh/authorized_keys on the server, and a host of its own,
smd-HOST, to ~/.ssh/config: that one is SERVERNAME then. It is tried, and whether it
may do more. A second time only what is missing is made; --remove takes all back.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pool := &remote.Pool{Log: newLogger(os.Stderr, false)}
			defer pool.Close()
			ctx := new(remote.Click).On(cmd.Context())
			k, err := newRestrictedKey(ctx, pool, args[0], alias, mailboxes)
			if err != nil {
				return err
			}
			if remove {
				return takeKey(ctx, k, cmd.OutOrStdout())
			}
			return giveKey(ctx, k, dryRun, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&alias, "alias", "", "call the host of its own this `name`, not smd-HOST")
	cmd.Flags().StringArrayVar(&mailboxes, "root", nil, "allow this `MAILBOX` only, not those of the configuration; may be repeated")
	cmd.Flags().BoolVar(&remove, "remove", false, "take the key, the line and the host back")
	cmd.Flags().BoolVarP(&dryRun, "dry-run", "d", false, "say what would be written")
	return cmd
}

// newRestrictedKey is the key of a host; without mailboxes for those of the
// configurations that name it.
func newRestrictedKey(ctx context.Context, pool *remote.Pool, host, alias string, mailboxes []string) (*restrict.Key, error) {
	paths, err := config.DefaultPaths()
	if err != nil {
		return nil, err
	}
	if text, err := os.ReadFile(filepath.Join(paths.Home, ".ssh", "config")); err == nil {
		if behind, ok := restrict.HostOf(text, host); ok { // it is what was made: its maker is meant
			host, alias = behind, cmp.Or(alias, host)
		}
	}
	k := &restrict.Key{
		Home: paths.Home, Host: host, Alias: cmp.Or(alias, restrict.AliasOf(host)), Mailboxes: mailboxes,
		Comment: "smd-applet " + me(),
		Connect: func(ctx context.Context, alias string) (remote.Host, error) { return pool.Host(ctx, alias, "") },
	}
	if k.Programs, err = programsThere(); err != nil {
		return nil, err
	}
	if len(k.Mailboxes) == 0 {
		k.Mailboxes, err = configuredMailboxes(ctx, paths, k.Host, k.Alias)
	}
	return k, err
}

// programsThere is where a client looks for smd-applet at a server.
func programsThere() ([]string, error) {
	called, err := programPath()
	if err != nil {
		return nil, err
	}
	return []string{filepath.Join(filepath.Dir(called), "smd-applet"), "smd-applet", deploy.Place}, nil
}

// me is who is at which machine.
func me() string {
	name := "somebody"
	if account, err := user.Current(); err == nil {
		name = account.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}

// configuredMailboxes are the mailboxes, as the server has them, of all
// configurations with one of these servers.
func configuredMailboxes(ctx context.Context, paths config.Paths, servers ...string) ([]string, error) {
	endpoints, err := config.Endpoints(paths)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range endpoints {
		e, err := config.Load(ctx, paths, name)
		if err == nil && slices.Contains(servers, e.ServerName) {
			names = append(names, e.RemoteMailboxes()...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func giveKey(ctx context.Context, k *restrict.Key, dryRun bool, out io.Writer) error {
	if len(k.Mailboxes) == 0 {
		return &fault.Error{
			Kind: fault.Config, Op: "restrict a key for", Path: k.Host, Err: errors.New("no configuration has it as SERVERNAME"),
			Hint: "set it up first (smd-applet setup), or name the mailboxes: --root Maildir",
		}
	}
	if dryRun {
		c, err := k.Plan(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s and .pub: a new key\n~/.ssh/config, on top:\n%s%s:~/.ssh/authorized_keys, a line:\n  %s\n", c.KeyFile, indented(c.Block), k.Host, c.Line)
		return nil
	}
	c, err := k.Give(ctx)
	if err != nil {
		return err
	}
	if c.NothingToDo {
		fmt.Fprintf(out, "%s is there, and may do nothing but sync %s: tried\n", k.Alias, strings.Join(k.Mailboxes, ", "))
		return nil
	}
	tell := func(changed bool, what string) {
		if changed {
			fmt.Fprintln(out, what)
		}
	}
	tell(c.KeyMade, "made the key "+c.KeyFile)
	tell(c.LineChanged, k.Host+":~/.ssh/authorized_keys has the line\n  "+c.Line)
	tell(c.BlockChanged, "~/.ssh/config has\n"+strings.TrimRight(indented(c.Block), "\n"))
	fmt.Fprintf(out, "tried: %s logs in, may sync %s, and may do nothing else\n", k.Alias, strings.Join(k.Mailboxes, ", "))
	return tellServerName(ctx, k, out)
}

// tellServerName says which configurations do not use the key yet.
func tellServerName(ctx context.Context, k *restrict.Key, out io.Writer) error {
	files, err := configsOf(ctx, k.Host)
	for _, file := range files {
		fmt.Fprintf(out, "  hint: put SERVERNAME=%s in %s, so that it is used\n", k.Alias, file)
	}
	return err
}

// configsOf returns the configurations of endpoints with a server.
func configsOf(ctx context.Context, server string) (files []string, err error) {
	paths, err := config.DefaultPaths()
	if err != nil {
		return nil, err
	}
	endpoints, err := config.Endpoints(paths)
	if err != nil {
		return nil, err
	}
	for _, name := range endpoints {
		if e, err := config.Load(ctx, paths, name); err == nil && e.ServerName == server {
			files = append(files, paths.Config(name))
		}
	}
	return files, nil
}

func takeKey(ctx context.Context, k *restrict.Key, out io.Writer) error {
	c, err := k.Take(ctx)
	if err != nil {
		return err
	}
	if c.NothingToDo {
		fmt.Fprintf(out, "there is no key for %s: nothing to take back\n", k.Host)
		return nil
	}
	fmt.Fprintf(out, "taken back: the key %s, its line on %s, the host %s\n", c.KeyFile, k.Host, k.Alias)
	files, err := configsOf(ctx, k.Alias)
	for _, file := range files {
		fmt.Fprintf(out, "  hint: put SERVERNAME=%s in %s: %s is no more\n", k.Host, file, k.Alias)
	}
	return err
}

func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("  " + line)
	}
	return b.String()
}
