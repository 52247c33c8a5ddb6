package notmuch

import (
	"context"
	"log/slog"
	stdsync "sync"
)

// Background updates notmuch beside the runs, one endpoint after the other: a run
// does not wait for it, however long it takes.
type Background struct {
	ctx    context.Context
	cancel context.CancelFunc
	log    *slog.Logger
	worker stdsync.WaitGroup

	mu      stdsync.Mutex
	busy    bool
	queue   []string                               // endpoints, each once
	updates map[string]func(context.Context) error // of those in the queue
	failed  map[string]error
}

// NewBackground returns a Background that ends with ctx; the caller closes it.
func NewBackground(ctx context.Context, log *slog.Logger) *Background {
	b := &Background{log: log, updates: make(map[string]func(context.Context) error), failed: make(map[string]error)}
	b.ctx, b.cancel = context.WithCancel(ctx)
	return b
}

// Do has update called for the endpoint soon. One that still waits will do for
// both.
func (b *Background) Do(endpoint string, update func(context.Context) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.updates[endpoint] == nil {
		b.queue = append(b.queue, endpoint)
	}
	b.updates[endpoint] = update
	if !b.busy {
		b.busy = true
		b.worker.Go(b.work)
	}
}

// Failed returns the failure of the endpoint's last update, if it failed.
func (b *Background) Failed(endpoint string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed[endpoint]
}

// Close ends an update that goes on, and forgets those that wait: their journals
// stay for the next start.
func (b *Background) Close() {
	b.cancel()
	b.worker.Wait()
}

func (b *Background) work() {
	for {
		endpoint, update := b.next()
		if update == nil {
			return
		}
		err := update(b.ctx)
		if b.ctx.Err() != nil {
			continue
		}
		if err != nil {
			b.log.Error("notmuch failed", "endpoint", endpoint, "err", err)
		}
		b.mu.Lock()
		b.failed[endpoint] = err
		b.mu.Unlock()
	}
}

// next takes an update from the queue; nil when there is no more to do.
func (b *Background) next() (string, func(context.Context) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 || b.ctx.Err() != nil {
		b.busy = false
		return "", nil
	}
	endpoint := b.queue[0]
	b.queue = b.queue[1:]
	update := b.updates[endpoint]
	delete(b.updates, endpoint)
	return endpoint, update
}
