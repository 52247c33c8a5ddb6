//go:build unix

package synctest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	stdsync "sync"
	"syscall"
)

// startEnviron is the environment before any test changed HOME: the go command
// finds its caches by it.
var startEnviron = os.Environ()

// built is the directory of the built program, one a test process.
var built = stdsync.OnceValues(buildOnce)

// BuildBinary builds cmd/smd-applet as it is released (static, no cgo), once a
// test process, and returns the directory that holds it under all its names.
func BuildBinary(t TB) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatalf("build smd-applet: %v", err)
	}
	return dir
}

func buildOnce() (string, error) {
	dir, err := os.MkdirTemp("", "smd-applet-bin-")
	if err != nil {
		return "", err
	}
	if err := removeAtExit(dir); err != nil {
		return "", err
	}
	// No VCS stamp: git refuses to answer in a checkout of another owner.
	args := []string{"build", "-buildvcs=false", "-trimpath", "-o", filepath.Join(dir, "smd-applet")}
	if runtime.GOOS == "linux" {
		args = append(args, "-tags", "nodbus")
	}
	build := exec.Command("go", append(args, "smd-applet/cmd/smd-applet")...)
	build.Env = append(slices.Clone(startEnviron), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, strings.TrimSpace(string(out)))
	}
	if out, err := exec.Command(filepath.Join(dir, "smd-applet"), "links", dir).CombinedOutput(); err != nil {
		return "", fmt.Errorf("link the names of the program: %w\n%s", err, out)
	}
	return dir, nil
}

// removeAtExit removes dir when this process has ended, whichever way: a shell
// waits for the end of a pipe that only this process holds open.
func removeAtExit(dir string) error {
	janitor := exec.Command("/bin/sh", "-c", `cat >/dev/null; rm -rf -- "$1"`, "sh", dir)
	// A group of its own: a Ctrl-C for the tests must not end it.
	janitor.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := janitor.StdinPipe()
	if err != nil {
		return err
	}
	held = append(held, pipe)
	return janitor.Start()
}

// held keeps the write ends of the janitors' pipes reachable, so that no
// finalizer closes them early.
var held []io.Closer
