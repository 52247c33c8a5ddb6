package sync

import (
	"context"
	"log/slog"
	"math/rand/v2"

	"smd-applet/sync/config"
)

// Options are what an [Engine] is made of. Paths and Runner are needed; the
// rest has defaults.
type Options struct {
	// Paths says where ~/.smd and the mailboxes are.
	Paths config.Paths
	// Runner carries out the runs.
	Runner Runner
	// Logger gets one line a run; nil logs nothing.
	Logger *slog.Logger
	// Watcher notices local changes; nil leaves it to the timers.
	Watcher Watcher

	// LoadLoop lists the endpoints; nil means [config.LoadLoop].
	LoadLoop func(config.Paths) ([]config.LoopEntry, error)
	// LoadEndpoint reads one endpoint's configuration; nil means [config.Load].
	LoadEndpoint func(ctx context.Context, p config.Paths, endpoint string) (*config.Endpoint, error)
	// Random spreads retries, in [0, 1); nil means [rand.Float64].
	Random func() float64
}

// Watcher tells of changes in files. When a method returns without an error
// the watch is in place. Its channel needs no more than one slot: it says that
// something changed, not what. The channel is closed when the watch has ended,
// by the end of ctx or by a failure, and all that belongs to it is gone.
type Watcher interface {
	// Mail watches the mailboxes below the given directories.
	Mail(ctx context.Context, roots []string) (<-chan struct{}, error)
	// Config watches the loop file and the endpoints' configurations.
	Config(ctx context.Context, p config.Paths) (<-chan struct{}, error)
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.LoadLoop == nil {
		o.LoadLoop = config.LoadLoop
	}
	if o.LoadEndpoint == nil {
		o.LoadEndpoint = config.Load
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	return o
}
