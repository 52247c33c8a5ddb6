// Package program runs programs of a person's own, so that none outlives or
// outlasts the run that started it.
package program

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// Limit is how long a program may take: twice what the slowest known honest one
// takes, a first notmuch new on hundreds of thousands of messages.
const Limit = 2 * time.Hour

// grace is how long a program that is told to end may still go on.
const grace = time.Second

// Run runs cmd, which has nothing but a command line, in a process group of its
// own. When ctx is done or limit has passed (0: [Limit]), all of the group is told
// to end with SIGTERM and made to a second later, and Run returns why. A file
// that names no interpreter is run by the shell, as a shell would.
func Run(ctx context.Context, limit time.Duration, cmd *exec.Cmd) error {
	if limit == 0 {
		limit = Limit
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it did not end within %v", limit))
	defer cancel()
	err := run(ctx, cmd)
	if errors.Is(err, syscall.ENOEXEC) {
		shell := exec.Command("/bin/sh", append([]string{cmd.Path}, cmd.Args[1:]...)...)
		shell.Dir, shell.Env, shell.Stdin, shell.Stdout, shell.Stderr = cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr
		err = run(ctx, shell)
	}
	return err
}

func run(ctx context.Context, plain *exec.Cmd) error {
	cmd := exec.CommandContext(ctx, plain.Path)
	cmd.Args, cmd.Dir, cmd.Env = plain.Args, plain.Dir, plain.Env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = plain.Stdin, plain.Stdout, plain.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	err := cmd.Run()
	if ctx.Err() != nil {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what its end left behind
		}
		return context.Cause(ctx)
	}
	return err
}
