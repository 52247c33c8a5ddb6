// Package desk does for a person at a desktop what menu and popups offer and is
// not the engine's: it opens logs, files and folders, shows a server's key and
// records it, runs a fix, and tells what came of it.
package desk

import (
	"context"
	"log/slog"
	stdsync "sync"

	"smd-applet/notify"
	"smd-applet/phrase"
	"smd-applet/sync"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/tray"
)

// Engine is what of [sync.Engine] a desk uses.
type Engine interface {
	State() sync.State
	SyncNow(endpoint string)
	Pause(endpoint string)
	Resume(endpoint string)
	Confirm(endpoint string) error
	Restore(endpoint string) error
}

// Options of [New]. All are required.
type Options struct {
	Engine  Engine
	Paths   config.Paths
	Book    *phrase.Book
	Version string
	// Open shows a file or folder with the program the person prefers for it.
	Open func(ctx context.Context, path string) error
	// FetchKey asks the server of an ssh alias for its key.
	FetchKey func(ctx context.Context, alias string) (Key, error)
	// Quit ends the program.
	Quit   func()
	Logger *slog.Logger
}

// Desk is the person's desk. Its methods return at once, and may be called from
// any goroutine until Close.
type Desk struct {
	Options
	ctx     context.Context // of what it does
	cancel  context.CancelFunc
	work    stdsync.WaitGroup
	noted   chan struct{} // one slot
	notices chan notify.Notice

	mu    stdsync.Mutex
	notes map[string]note // by endpoint
	keys  map[string]Key  // shown and neither trusted nor refused, by endpoint
}

// note is what came of something, as long as the problem is of that kind.
type note struct {
	tray.Note
	about fault.Kind
}

// New returns a desk that works until ctx ends or it is closed.
func New(ctx context.Context, o Options) *Desk {
	d := &Desk{
		Options: o, noted: make(chan struct{}, 1), notices: make(chan notify.Notice),
		notes: make(map[string]note), keys: make(map[string]Key),
	}
	d.ctx, d.cancel = context.WithCancel(ctx)
	return d
}

// Close ends what is going on and waits for it.
func (d *Desk) Close() {
	d.cancel()
	d.work.Wait()
}

// Noted delivers when the notes may have changed.
func (d *Desk) Noted() <-chan struct{} { return d.noted }

// Notices delivers the popups to show.
func (d *Desk) Notices() <-chan notify.Notice { return d.notices }

// Notes implements [tray.Desk]: those about problems that are still there.
func (d *Desk) Notes() map[string]tray.Note {
	problems := make(map[string]fault.Kind)
	s := d.Engine.State()
	if s.Setup != nil {
		problems[""] = s.Setup.Kind
	}
	for _, ep := range s.Endpoints {
		problems[ep.Name] = about(ep)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	notes := make(map[string]tray.Note)
	for endpoint, n := range d.notes {
		if kind := problems[endpoint]; kind != n.about {
			delete(d.notes, endpoint)
			delete(d.keys, endpoint)
			continue
		}
		notes[endpoint] = n.Note
	}
	return notes
}

// about is the kind of an endpoint's problem, empty for none.
func about(ep sync.EndpointState) fault.Kind {
	switch {
	case ep.Problem != nil:
		return ep.Problem.Err.Kind
	case ep.Held != nil:
		return fault.Held
	default:
		return ""
	}
}

// note remembers what came of something done about an endpoint's problem.
func (d *Desk) note(endpoint, text string, offers ...phrase.Offer) {
	var kind fault.Kind
	s := d.Engine.State()
	if endpoint == "" && s.Setup != nil {
		kind = s.Setup.Kind
	}
	for _, ep := range s.Endpoints {
		if ep.Name == endpoint {
			kind = about(ep)
		}
	}
	d.mu.Lock()
	d.notes[endpoint] = note{tray.Note{Text: text, Offers: offers}, kind}
	d.mu.Unlock()
	select {
	case d.noted <- struct{}{}:
	default:
	}
}

// Show shows a popup, as soon as the one before is.
func (d *Desk) show(n notify.Notice) {
	d.work.Go(func() {
		select {
		case d.notices <- n:
		case <-d.ctx.Done():
		}
	})
}

// do does something beside; a failure is noted and logged.
func (d *Desk) do(endpoint, what string, work func() error) {
	d.work.Go(func() {
		if err := work(); err != nil && d.ctx.Err() == nil {
			d.Logger.Error("what was chosen did not work", "chosen", what, "endpoint", endpoint, "err", err)
			d.note(endpoint, d.Book.Say("that did not work: %s", phrase.Clip(err.Error(), longest)))
		}
	})
}

// longest is how many characters of a failure are told.
const longest = 200
