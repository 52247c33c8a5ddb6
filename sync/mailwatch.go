package sync

import (
	"context"
	"slices"
)

// watch is an endpoint's watch of its mailboxes; the zero one watches nothing.
type watch struct {
	changed <-chan struct{} // nil while nothing is watched
	roots   []string
	cancel  context.CancelFunc
}

// follow watches roots, in place of others before. It does nothing when they
// are watched already.
func (w *watch) follow(ctx context.Context, by Watcher, roots []string) error {
	if w.changed != nil && slices.Equal(w.roots, roots) {
		return nil
	}
	w.stop()
	ctx, cancel := context.WithCancel(ctx)
	changed, err := by.Mail(ctx, roots)
	if err != nil {
		cancel()
		return err
	}
	w.changed, w.roots, w.cancel = changed, roots, cancel
	return nil
}

// pending takes a change off that was not yet noticed.
func (w *watch) pending() bool {
	select {
	case _, ok := <-w.changed:
		return ok
	default:
		return false
	}
}

// lost says that the watch ended by itself.
func (w *watch) lost() {
	w.cancel()
	*w = watch{}
}

// stop ends the watch and waits until it is gone.
func (w *watch) stop() {
	if w.changed == nil {
		return
	}
	w.cancel()
	drain(w.changed)
	*w = watch{}
}
