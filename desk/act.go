package desk

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"smd-applet/phrase"
	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
)

// fixTime is how long a fix may run.
const fixTime = 5 * time.Minute

// Act implements [tray.Desk].
func (d *Desk) Act(endpoint string, a fault.Action) {
	do := func(work func() error) { d.do(endpoint, string(a.Kind), work) }
	switch a.Kind {
	case fault.Retry:
		d.Engine.SyncNow(endpoint)
	case fault.OpenLog:
		d.OpenLog(endpoint)
	case fault.EditConfig:
		do(func() error { return d.editConfig(endpoint, a.Arg) })
	case fault.ConfirmHeld:
		do(func() error { return d.Engine.Confirm(endpoint) })
	case fault.RestoreHeld:
		do(func() error { return d.Engine.Restore(endpoint) })
	case fault.ShowMail:
		do(func() error { return d.Open(d.ctx, d.below(a.Arg)) })
	case fault.ShowPerms:
		do(func() error { return d.Open(d.ctx, folderOf(d.below(a.Arg))) })
	case fault.KeepBoth:
		do(func() error { return d.keepBoth(endpoint, a.Arg) })
	case fault.RunCommand:
		do(func() error { return d.fix(endpoint, a.Arg) })
	case fault.TrustHost:
		do(func() error { return d.showKey(endpoint, a.Arg) })
	case trustKey:
		do(func() error { return d.trust(endpoint, a.Arg) })
	}
}

// OpenLog implements [tray.Desk]. It shows what was said in the endpoint's last
// run; without an endpoint, or where nothing was, the log of all runs.
func (d *Desk) OpenLog(endpoint string) {
	d.do(endpoint, "open the log", func() error {
		if endpoint != "" {
			path := d.Paths.ClientLog(endpoint)
			if info, err := os.Stat(path); err == nil && info.Size() > 0 {
				return d.Open(d.ctx, path)
			}
		}
		return d.Open(d.ctx, d.Paths.LoopLog())
	})
}

// EditConfig implements [tray.Desk].
func (d *Desk) EditConfig() {
	d.do("", "edit the configuration", func() error { return d.editConfig("", "") })
}

// editConfig shows the file; where none is named an endpoint's configuration, or
// without an endpoint the one that is wrong, or the list of endpoints.
func (d *Desk) editConfig(endpoint, file string) error {
	switch {
	case file != "":
		return d.Open(d.ctx, file)
	case endpoint != "":
		return d.Open(d.ctx, d.Paths.Config(endpoint))
	}
	state := d.Engine.State()
	if state.Setup != nil && state.Setup.Path != "" {
		return d.Open(d.ctx, state.Setup.Path)
	}
	for _, ep := range state.Endpoints {
		if ep.Problem != nil && ep.Problem.Err.Kind == fault.Config {
			return d.Open(d.ctx, d.Paths.Config(ep.Name))
		}
	}
	return d.Open(d.ctx, d.Paths.Loop())
}

// below is a path as it is, or below the home where it is relative.
func (d *Desk) below(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(d.Paths.Home, path)
}

// folderOf is the folder a path names or lies in, the nearest that is there.
func folderOf(path string) string {
	for {
		if info, err := os.Stat(path); err == nil && info.IsDir() || filepath.Dir(path) == path {
			return path
		}
		path = filepath.Dir(path)
	}
}

// keepBoth gives the message here another name, under which it is a new message;
// the one of the other end has room then.
func (d *Desk) keepBoth(endpoint, path string) error {
	dir, file := filepath.Split(d.below(path))
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	name, err := maildir.ParseName("x/" + filepath.Base(filepath.Clean(dir)) + "/" + file)
	if err != nil {
		return err
	}
	fresh := maildir.FreshUnique()
	if name.Flags() != "" || name.Sub == "cur" {
		fresh = maildir.JoinFlags(fresh, name.Flags())
	}
	if err := durable.RenameNoReplace(root, file, fresh); err != nil {
		return err
	}
	if err := durable.SyncDirIn(root, "."); err != nil {
		return err
	}
	d.note(endpoint, d.Book.Say("both are kept, the one from here under a new name"))
	d.Engine.SyncNow(endpoint)
	return nil
}

// fix runs a command in the home, as the person would in a shell.
func (d *Desk) fix(endpoint, command string) error {
	ctx, cancel := context.WithTimeout(d.ctx, fixTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = d.Paths.Home
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, phrase.Clip(said.String(), longest))
	}
	d.Logger.Info("a fix was run", "command", command, "endpoint", endpoint)
	d.note(endpoint, d.Book.Say("done: %s", command))
	d.Engine.SyncNow(endpoint)
	return nil
}
