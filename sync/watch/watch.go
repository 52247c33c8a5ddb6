// Package watch tells of changes in mailboxes and configuration files as they
// happen (fsnotify). It says that something changed, not what: who is told looks
// for himself.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"

	"smd-applet/sync/config"
)

// Watcher watches files below the home directory.
type Watcher struct {
	// Log is told when a part of a mailbox can't be watched; nil for none.
	Log *slog.Logger
}

// Mail watches the mailboxes at roots: their cur and new directories, and the
// folders that come and go. The cost is one watch a directory, none a message.
// It fails where the system has no watches left; the channel is closed when the
// watch ends.
func (w *Watcher) Mail(ctx context.Context, roots []string) (<-chan struct{}, error) {
	return w.start(ctx, func(fsw *fsnotify.Watcher) error {
		for _, root := range roots {
			if err := addTree(fsw, root); err != nil {
				return fmt.Errorf("watch %s: %w", root, err)
			}
		}
		return nil
	}, func(fsw *fsnotify.Watcher, e fsnotify.Event) bool { return w.mailChanged(fsw, e) })
}

// Config watches the loop file and the endpoints' configurations.
func (w *Watcher) Config(ctx context.Context, p config.Paths) (<-chan struct{}, error) {
	return w.start(ctx, func(fsw *fsnotify.Watcher) error {
		// The directory, not the files: editors put new files in their place.
		if err := fsw.Add(p.SMD()); err != nil {
			return fmt.Errorf("watch %s: %w", p.SMD(), err)
		}
		return nil
	}, func(_ *fsnotify.Watcher, e fsnotify.Event) bool { return configChanged(p, e) })
}

// start runs a watch until ctx ends or the system gives it up.
func (w *Watcher) start(ctx context.Context, add func(*fsnotify.Watcher) error, matters func(*fsnotify.Watcher, fsnotify.Event) bool) (<-chan struct{}, error) {
	fsw, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	if err := add(fsw); err != nil {
		return nil, errors.Join(err, fsw.Close())
	}
	changed := make(chan struct{}, 1)
	tell := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	go func() {
		defer close(changed)
		defer fsw.Close()
		for {
			select {
			case <-ctx.Done():
				return
			case e, ok := <-fsw.Events:
				if !ok {
					return
				}
				if matters(fsw, e) {
					tell()
				}
			case err, ok := <-fsw.Errors:
				if !ok {
					return
				}
				// Too many events at once: anything may have changed.
				w.warn("some changes were missed", err)
				tell()
			}
		}
	}()
	return changed, nil
}

func (w *Watcher) warn(message string, err error) {
	if w.Log != nil {
		w.Log.Warn(message, "error", err)
	}
}

// mailChanged reports whether an event is about a message, or a folder; a new
// folder is watched too.
func (w *Watcher) mailChanged(fsw *fsnotify.Watcher, e fsnotify.Event) bool {
	if e.Op == fsnotify.Chmod {
		return false
	}
	if dir := filepath.Base(filepath.Dir(e.Name)); dir == "cur" || dir == "new" {
		return !strings.HasPrefix(filepath.Base(e.Name), ".")
	}
	if noise(filepath.Base(e.Name)) {
		return false
	}
	if e.Has(fsnotify.Create) {
		st, err := os.Stat(e.Name)
		if err != nil || !st.IsDir() {
			return false
		}
		if err := addTree(fsw, e.Name); err != nil {
			w.warn("a new folder can't be watched: the timers see to it", err)
		}
		return true
	}
	return e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)
}

// noise reports whether a name is that of a file IMAP servers keep beside mail.
func noise(name string) bool {
	for _, prefix := range []string{"dovecot", "courier", ".nfs"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "maildirfolder", "subscriptions", "maildirsize", "tmp":
		return true
	}
	return strings.HasSuffix(name, ".lock")
}

// addTree watches a directory and the folders below it.
func addTree(fsw *fsnotify.Watcher, root string) error {
	return walk(root, func(path string) error { return addDir(fsw, path) })
}

// addDir watches a directory. One that goes away meanwhile is none to watch.
func addDir(fsw *fsnotify.Watcher, path string) error {
	if err := fsw.Add(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// walk visits a directory and the folders below it, their cur and new included;
// visit may answer [fs.SkipDir]. Links are not followed, and a directory that goes
// away meanwhile is none.
func walk(root string, visit func(path string) error) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if path != root && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		name := d.Name()
		if name == "tmp" {
			return fs.SkipDir
		}
		if err := visit(path); err != nil {
			return err
		}
		if name == "cur" || name == "new" {
			return fs.SkipDir // its messages need no look
		}
		return nil
	})
}

func configChanged(p config.Paths, e fsnotify.Event) bool {
	name := filepath.Base(e.Name)
	if e.Name == p.Loop() || e.Name == p.Preferences() {
		return e.Op != fsnotify.Chmod
	}
	endpoint, ok := strings.CutPrefix(name, "config.")
	return ok && e.Op != fsnotify.Chmod && config.CheckEndpoint(endpoint) == nil
}
