package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"smd-applet/sync/deploy"
	"smd-applet/sync/fault"
	"smd-applet/sync/remote"
)

func newDeploy() *cobra.Command {
	var o deployment
	cmd := &cobra.Command{
		Use:   "deploy host",
		Short: "put smd-applet on a server, into ~/.local/bin",
		Long: `put smd-applet on a server, into ~/.local/bin

The host is one of ~/.ssh/config, or user@host, where you can log in. Nothing is
needed there but a shell, no root, and no other program. What arrives is checked and
tried before it takes the place of what was there; a sync that runs goes on with the
old one. Where the server is another kind of machine, --from names the folder of a
release ("make release" makes one), with names as smd-applet-linux-arm64.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.out = cmd.OutOrStdout()
			pool := &remote.Pool{Log: newLogger(os.Stderr, false)}
			defer pool.Close()
			return o.run(new(remote.Click).On(cmd.Context()), pool, args[0])
		},
	}
	cmd.Flags().StringVar(&o.from, "from", "", "take the program from this release `folder`")
	cmd.Flags().BoolVarP(&o.dryRun, "dry-run", "d", false, "say what would be done")
	cmd.Flags().BoolVar(&o.force, "force", false, "put this version there also where a newer one is")
	return cmd
}

// deployment is one call of deploy.
type deployment struct {
	from          string
	dryRun, force bool
	out           io.Writer
}

func (d *deployment) run(ctx context.Context, pool *remote.Pool, alias string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	called, err := programPath()
	if err != nil {
		return err
	}
	host, err := pool.Host(ctx, alias, "")
	if err != nil {
		return err
	}
	server, err := deploy.Look(ctx, host, alias, called)
	if err != nil {
		return err
	}
	program, err := deploy.Find(self, d.from, server.System, server.Machine)
	if err != nil {
		return err
	}
	there := alias + ":" + deploy.Place
	switch {
	case server.Sum == program.Sum:
		fmt.Fprintf(d.out, "%s is this program already (%s)\n", there, short(server.Installed))
		d.tellPath(server, server.Installed, alias)
		return nil
	case deploy.Older(versionLine(), server.Installed) && !d.force:
		return &fault.Error{
			Kind: fault.Config, Op: "deploy to", Path: alias, Err: fmt.Errorf("there is a newer one: %s", short(server.Installed)),
			Hint: "nothing is to be done; or install that version here. --force puts the older one there",
		}
	case d.dryRun:
		fmt.Fprintf(d.out, "%s (%s, %s/%s) would go to %s", program.Path, size(program.Size), server.System, server.Machine, there)
		if server.Installed != "" {
			fmt.Fprintf(d.out, ", in place of %s", short(server.Installed))
		}
		fmt.Fprintln(d.out)
		return nil
	}
	line := newUploadLine(program.Size)
	done, err := deploy.Install(ctx, host, alias, program, line.show)
	line.clear()
	if err != nil {
		return err
	}
	if server.Installed != "" && server.Installed != done.Version {
		fmt.Fprintf(d.out, "%s was %s\n", there, short(server.Installed))
	}
	fmt.Fprintf(d.out, "%s is %s (%s, %s/%s, checksum right)\n", there, short(done.Version), size(program.Size), server.System, server.Machine)
	if len(done.Kept) > 0 {
		fmt.Fprintf(d.out, "left as they are, because they are other programs: %s\n", strings.Join(done.Kept, " "))
	}
	d.tellPath(server, done.Version, alias)
	return nil
}

// tellPath says what a client finds at the server, where that is not what was
// put there.
func (d *deployment) tellPath(server *deploy.Server, version, alias string) {
	switch {
	case server.First != "" && server.FirstSays != version:
		says := short(server.FirstSays)
		if says == "" {
			says = "another program"
		}
		fmt.Fprintf(d.out, "%s:%s is found first, and is %s:\n  hint: put REMOTE_PROGRAM=%s in ~/.smd/config.NAME, or remove that one\n", alias, server.First, says, deploy.Place)
	case server.First == "" && !server.InPath:
		fmt.Fprintf(d.out, "~/.local/bin is not in the $PATH that a command by ssh has there; smd-applet finds it all the same.\n"+
			"  hint: for syncmaildir at this end, put PATH=$HOME/.local/bin:$PATH on top of ~/.bashrc on the server\n")
	}
}

// short is a line of "version" without what it speaks.
func short(version string) string {
	version, _, _ = strings.Cut(version, ", speaks")
	return version
}

// uploadLine shows on a terminal how much of a file was sent.
type uploadLine struct {
	total int64
	last  time.Time
}

// newUploadLine returns nil where nobody looks.
func newUploadLine(total int64) *uploadLine {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil
	}
	return &uploadLine{total: total}
}

func (u *uploadLine) show(sent int64) {
	if u == nil || time.Since(u.last) < progressEvery || u.total == 0 {
		return
	}
	u.last = time.Now()
	fmt.Fprintf(os.Stderr, "\r\x1b[K%s %s of %s", bar(int(sent), int(u.total)), size(sent), size(u.total))
}

func (u *uploadLine) clear() {
	if u != nil {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
