// Package tray shows the state of a sync engine as an icon, a tooltip and a
// menu, and turns clicks into calls of the engine. It knows no detail of a sync.
//
// What is shown is decided by one pure function from state to menu; a painter
// sends the differences to the desktop. On Linux and the BSDs the icon is a
// StatusNotifierItem on the session bus.
package tray

import (
	"context"
	"errors"
	"log/slog"

	"smd-applet/sync"
)

// ErrUnsupported is returned by [Run] of a program built without a tray. The
// caller goes on headless.
var ErrUnsupported = errors.New("no tray in this build")

// Controller is what the tray shows and what its clicks reach. It is part of
// [sync.Engine]; an empty endpoint means all. Confirm and Restore may take
// their time, the rest must return at once.
type Controller interface {
	State() sync.State
	SyncNow(endpoint string)
	Pause(endpoint string)
	Resume(endpoint string)
	Confirm(endpoint string) error
	Restore(endpoint string) error
}

// Autostart switches the start at login.
type Autostart interface {
	Enabled() (bool, error)
	Set(on bool) error
}

// Options of [Run]. All are required.
type Options struct {
	// Changed delivers when the Controller's state may have changed, such as
	// [sync.Subscription.Changed].
	Changed <-chan struct{}
	// OpenLog shows an endpoint's log to the person, that of the whole program
	// when endpoint is empty. It may wait for the viewer, but not beyond ctx.
	OpenLog func(ctx context.Context, endpoint string) error
	// OpenConfig lets the person edit the configuration. It may wait as well.
	OpenConfig func(ctx context.Context) error
	Autostart  Autostart
	Logger     *slog.Logger
}
