// Package tray shows the state of a sync engine as an icon, a tooltip and a
// menu, and turns clicks into calls of the engine. It knows no detail of a sync.
//
// What is shown is decided by one pure function from state to menu; a painter
// sends the differences to the desktop. On Linux and the BSDs the icon is a
// StatusNotifierItem on the session bus.
package tray

import (
	"errors"
	"log/slog"
	"time"

	"smd-applet/phrase"
	"smd-applet/sync"
	"smd-applet/sync/fault"
)

// ErrUnsupported is returned by [Run] of a program built without a tray. The
// caller goes on headless.
var ErrUnsupported = errors.New("no tray in this build")

// Controller is what the tray shows and what its clicks reach. It is part of
// [sync.Engine]; an empty endpoint means all. The methods must return soon.
type Controller interface {
	State() sync.State
	SyncNow(endpoint string)
	PauseUntil(endpoint string, until time.Time)
	Resume(endpoint string)
	SetNotifyNewMail(on bool) error
	SetSyncMetered(on bool) error
}

// Desk does for the person what is not the engine's. Its methods return at once;
// an empty endpoint means the program, or its configuration, as a whole.
type Desk interface {
	// Act does what was chosen of what is offered about an endpoint's problem.
	Act(endpoint string, a fault.Action)
	// Notes tell what came of that, by endpoint.
	Notes() map[string]Note
	OpenLog(endpoint string)
	EditConfig()
	About()
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
	// Noted delivers when the Desk's notes may have changed.
	Noted     <-chan struct{}
	Desk      Desk
	Autostart Autostart
	Book      *phrase.Book
	Logger    *slog.Logger
}
