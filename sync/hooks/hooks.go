// Package hooks runs a person's own programs before and after a run, as smd 1.3
// does (spec §7), and tells them which messages changed.
package hooks

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	stdsync "sync"
	"time"

	"smd-applet/sync/fault"
	"smd-applet/sync/program"
)

// Options are what the hooks of one run are told.
type Options struct {
	Dir       func(when, what string) string // where the hooks lie
	Home      string                         // their working directory
	Endpoint  string
	Direction string    // "pull" or "push"
	Output    io.Writer // takes what they say
	Log       *slog.Logger
	Limit     time.Duration // how long each may take; 0: [program.Limit]
}

// The moments of a run, in its hooks' words.
const (
	Pre  = "pre"
	Post = "post"
)

// What happened to a message, in the words of the list of changes.
const (
	Added   = "added"
	Removed = "removed"
	Moved   = "moved"
	Flagged = "flagged"
)

// ifChanged ends the name of a hook that runs only after a run that changed
// something.
const ifChanged = ".changed"

// Hooks are the hooks of one run. Nil has none.
type Hooks struct {
	Options
	hooks map[string][]string // paths, by moment

	mu      stdsync.Mutex
	changes *os.File // nil without hooks that could read it
	w       *bufio.Writer
	changed bool
	failed  error // to record a change
}

// Open finds the hooks of a run; nil when there are none. The caller closes what
// it returns.
func Open(o Options) (*Hooks, error) {
	h := &Hooks{Options: o, hooks: make(map[string][]string)}
	for _, when := range []string{Pre, Post} {
		found, err := executables(o.Dir(when, o.Direction))
		if err != nil {
			return nil, fault.New(fault.Hook, "look for hooks", o.Dir(when, o.Direction), err)
		}
		h.hooks[when] = found
	}
	if len(h.hooks[Pre])+len(h.hooks[Post]) == 0 {
		return nil, nil
	}
	var err error
	if h.changes, err = os.CreateTemp("", "smd-changes-"); err != nil {
		return nil, fault.New(fault.Hook, "make the list of changes", os.TempDir(), err)
	}
	h.w = bufio.NewWriter(h.changes)
	return h, nil
}

// Has reports whether a directory has hooks; one that can't be looked into may have.
func Has(dir string) bool {
	found, err := executables(dir)
	return err != nil || len(found) > 0
}

// executables returns every executable file of dir, in the order of names.
func executables(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var paths []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			paths = append(paths, path)
		}
	}
	return paths, err
}

// Record notes that something happened to the message at path, an absolute one;
// to is its new one after [Moved] and [Flagged], else "". It may be called from
// any goroutine, and on nil.
func (h *Hooks) Record(what, path, to string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed = true
	line := what + "\t" + path
	if to != "" {
		line += "\t" + to
	}
	_, err := h.w.WriteString(line + "\n")
	h.failed = errors.Join(h.failed, err)
}

// Run runs the hooks of a moment one after the other and returns the first
// failure; after one of [Pre] no other runs. status is 0 for a run that went
// well, and 1 for another.
func (h *Hooks) Run(ctx context.Context, when string, status int) error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	err := errors.Join(h.failed, h.w.Flush())
	changed := h.changed
	h.mu.Unlock()
	if err != nil {
		return fault.New(fault.Hook, "write the list of changes", h.changes.Name(), err)
	}
	var failed error
	for _, path := range h.hooks[when] {
		if strings.HasSuffix(path, ifChanged) && !changed {
			continue
		}
		err := h.run(ctx, path, when, status)
		if err != nil && when == Pre {
			return err
		}
		if failed == nil {
			failed = err
		}
	}
	return failed
}

// patience is how long a hook may run before the log tells of it.
const patience = time.Minute

func (h *Hooks) run(ctx context.Context, path, when string, status int) error {
	cmd := exec.Command(path, when, h.Direction, h.Endpoint, strconv.Itoa(status))
	cmd.Dir = h.Home
	cmd.Env = append(
		os.Environ(), "SMD_ENDPOINT="+h.Endpoint, "SMD_DIRECTION="+h.Direction,
		"SMD_STATUS="+strconv.Itoa(status), "SMD_CHANGES="+h.changes.Name(),
	)
	cmd.Stdout, cmd.Stderr = h.Output, h.Output
	slow := time.AfterFunc(patience, func() { h.Log.Info("waiting for a hook, the mailbox is locked meanwhile", "hook", path) })
	defer slow.Stop()
	if err := program.Run(ctx, h.Limit, cmd); err != nil {
		return &fault.Error{
			Kind: fault.Hook, Op: "run the hook", Path: path, Err: err,
			Hint: "see what it said in the log of %s, and mend it or make it not executable", HintArgs: []any{h.Endpoint},
		}
	}
	return nil
}

// Close removes the list of changes.
func (h *Hooks) Close() error {
	if h == nil {
		return nil
	}
	return errors.Join(h.changes.Close(), os.Remove(h.changes.Name()))
}
