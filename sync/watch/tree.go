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
	stdsync "sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
)

// PollEvery is how often a tree is looked through where its changes are not told.
const PollEvery = 20 * time.Second

// maxPaths is how many changed files are remembered one by one: beyond that it is
// as quick to look at everything, and nobody may ask for a long time.
const maxPaths = 16 << 10

// Tree watches mailboxes and says which files changed. Where the system has no
// watches left, at first or for a folder that is new, or the file system tells of
// no changes, it looks at the directories' times instead, every [PollEvery].
type Tree struct {
	home    string
	roots   []string
	skip    func(local string) bool
	log     *slog.Logger
	every   time.Duration
	changed chan struct{}
	live    atomic.Bool

	mu      stdsync.Mutex
	files   map[string]bool
	folders map[string]bool
	all     bool

	dirs map[string]time.Time // watched or looked at, and when they last changed
}

// OpenTree watches the mailboxes at the local paths roots, below home, until ctx
// ends. Folders that skip says are left out; nil leaves none out.
func OpenTree(ctx context.Context, home string, roots []string, skip func(local string) bool, log *slog.Logger) (*Tree, error) {
	return openTree(ctx, home, roots, skip, log, PollEvery)
}

func openTree(ctx context.Context, home string, roots []string, skip func(local string) bool, log *slog.Logger, every time.Duration) (*Tree, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	t := &Tree{
		home: home, roots: roots, skip: skip, log: log, every: every, changed: make(chan struct{}, 1),
		files: make(map[string]bool), folders: make(map[string]bool), dirs: make(map[string]time.Time),
	}
	fsw, err := t.watchAll()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		t.resign(err)
	} else {
		t.live.Store(true)
	}
	go t.run(ctx, fsw)
	return t, nil
}

// run tells of changes until ctx ends.
func (t *Tree) run(ctx context.Context, fsw *fsnotify.Watcher) {
	defer close(t.changed)
	if fsw != nil {
		err := t.follow(ctx, fsw)
		_ = fsw.Close() // what it watched is watched no more, either way
		if err == nil {
			return
		}
		t.resign(err)
		t.noteAll()
		t.tell()
	}
	t.poll(ctx)
}

// resign gives up to be told of changes, and notes what to compare with.
func (t *Tree) resign(cause error) {
	t.live.Store(false)
	t.log.Warn("changes are not told as they happen: the mailbox is looked at from time to time", "every", t.every, "cause", cause)
	t.walkAll()
}

// Changed has something whenever there may be something to take. It is closed
// when the watch has ended.
func (t *Tree) Changed() <-chan struct{} { return t.changed }

// Live reports whether changes are told as they happen.
func (t *Tree) Live() bool { return t.live.Load() }

// Take returns the files, and the folders, that changed since the last call, by
// paths below home; all says that anything may have.
func (t *Tree) Take() (files, folders []string, all bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for f := range t.files {
		files = append(files, f)
	}
	for f := range t.folders {
		folders = append(folders, f)
	}
	all = t.all
	t.files, t.folders, t.all = make(map[string]bool), make(map[string]bool), false
	return files, folders, all
}

func (t *Tree) tell() {
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// noteFile says that a file changed.
func (t *Tree) noteFile(local string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.files) >= maxPaths {
		t.all, t.files = true, make(map[string]bool)
	}
	t.files[local] = true
}

// noteFolder says that anything may have changed in a folder.
func (t *Tree) noteFolder(local string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.folders[local] = true
}

// noteAll says that anything may have changed.
func (t *Tree) noteAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = true
}

func (t *Tree) local(path string) string {
	rel, err := filepath.Rel(t.home, path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(rel)
}

func (t *Tree) watchAll() (*fsnotify.Watcher, error) {
	for _, root := range t.roots {
		if name := unwatchable(filepath.Join(t.home, root)); name != "" {
			return nil, fmt.Errorf("%s is on %s, which tells of no changes made elsewhere", root, name)
		}
	}
	fsw, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	for _, root := range t.roots {
		if err := t.add(fsw, filepath.Join(t.home, root)); err != nil {
			return nil, errors.Join(fmt.Errorf("watch %s: %w", root, err), fsw.Close())
		}
	}
	return fsw, nil
}

// add watches a directory and the folders below it.
func (t *Tree) add(fsw *fsnotify.Watcher, root string) error {
	return t.walk(root, func(path string) error {
		t.dirs[path] = time.Time{}
		return addDir(fsw, path)
	})
}

// walk visits the directories of a mailbox that matter and are not left out.
func (t *Tree) walk(root string, visit func(path string) error) error {
	return walk(root, func(path string) error {
		if t.skip != nil && path != root && t.skip(t.local(path)) {
			return fs.SkipDir
		}
		return visit(path)
	})
}

// follow takes the system's events in until ctx ends, or something can't be watched
// any more, which is the error.
func (t *Tree) follow(ctx context.Context, fsw *fsnotify.Watcher) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-fsw.Events:
			if !ok {
				return errWatchEnded
			}
			matters, err := t.event(fsw, e)
			if err != nil {
				return err
			}
			if matters {
				t.tell()
			}
		case err, ok := <-fsw.Errors:
			if !ok {
				return errWatchEnded
			}
			// Too many events at once: anything may have changed.
			t.log.Warn("some changes were missed: everything is looked at", "err", err)
			for _, root := range t.roots {
				if err := t.add(fsw, filepath.Join(t.home, root)); err != nil {
					return fmt.Errorf("watch %s: %w", root, err)
				}
			}
			t.noteAll()
			t.tell()
		}
	}
}

var errWatchEnded = errors.New("the system gave the watch up")

// event notes what an event is about, and reports whether that matters. It fails
// where a new folder can't be watched.
func (t *Tree) event(fsw *fsnotify.Watcher, e fsnotify.Event) (matters bool, err error) {
	if e.Op == fsnotify.Chmod {
		return false, nil
	}
	base := filepath.Base(e.Name)
	if dir := filepath.Base(filepath.Dir(e.Name)); dir == "cur" || dir == "new" {
		if strings.HasPrefix(base, ".") {
			return false, nil
		}
		t.noteFile(t.local(e.Name))
		return true, nil
	}
	if noise(base) {
		return false, nil
	}
	if e.Has(fsnotify.Create) {
		st, err := os.Lstat(e.Name)
		if err != nil || !st.IsDir() || t.skip != nil && t.skip(t.local(e.Name)) {
			return false, nil
		}
		if err := t.add(fsw, e.Name); err != nil {
			return true, fmt.Errorf("watch %s: %w", t.local(e.Name), err)
		}
		t.noteAll()
		return true, nil
	}
	if _, known := t.dirs[e.Name]; known && (e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)) {
		for dir := range t.dirs {
			if dir == e.Name || strings.HasPrefix(dir, e.Name+"/") {
				_ = fsw.Remove(dir) // a renamed one would go on under its old name
				delete(t.dirs, dir)
			}
		}
		t.noteAll()
		return true, nil
	}
	return false, nil
}

// tick is how long two changes may be apart and leave a directory the same time: as
// coarse as any file system's times are.
const tick = 2 * time.Second

// walkAll reads the directories' times, notes which changed, and reports whether
// any did.
func (t *Tree) walkAll() bool {
	seen := make(map[string]bool)
	found := false
	for _, root := range t.roots {
		err := t.walk(filepath.Join(t.home, root), func(path string) error {
			st, err := os.Lstat(path)
			if err != nil {
				return nil
			}
			seen[path] = true
			was, known := t.dirs[path]
			if t.dirs[path] = st.ModTime(); time.Since(st.ModTime()) < tick {
				t.dirs[path] = time.Time{} // it may change again and look the same
			}
			if known && was.Equal(st.ModTime()) {
				return nil
			}
			found = true
			if name := filepath.Base(path); known && (name == "cur" || name == "new") {
				t.noteFolder(t.local(filepath.Dir(path)))
				return nil
			}
			t.noteAll()
			return nil
		})
		if err != nil {
			t.log.Info("the mailbox can't be looked through", "mailbox", root, "err", err)
		}
	}
	for path := range t.dirs {
		if !seen[path] {
			delete(t.dirs, path)
			t.noteAll()
			found = true
		}
	}
	return found
}

func (t *Tree) poll(ctx context.Context) {
	turn := time.NewTicker(t.every)
	defer turn.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-turn.C:
			if t.walkAll() {
				t.tell()
			}
		}
	}
}
