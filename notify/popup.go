package notify

import (
	"context"

	"smd-applet/sync/fault"
)

// appName is how we introduce ourselves: the application's name, that of its
// desktop entry, and of its icon in the theme.
const appName = "smd-applet"

// ID is a popup's name at the [Sender] that showed it; 0 names none: the popup
// can be neither replaced nor withdrawn.
type ID uint32

// Urgency is how much a popup matters, as the Desktop Notifications
// Specification 1.2 numbers it.
type Urgency byte

// The urgencies in use. A critical popup stays until it is answered.
const (
	Normal   Urgency = 1
	Critical Urgency = 2
)

// Button is one thing a person can do from a popup.
type Button struct {
	Key   string // what [Popup.Pressed] is called with
	Label string

	Deeds []Deed // of the button of a problem
	do    func() // of the button of a [Notice]
}

// Deed is an action and the endpoint it is for; the empty one means the
// configuration as a whole.
type Deed struct {
	Endpoint string
	fault.Action
}

// Popup is a message on the screen. All texts are plain, of bounded length.
type Popup struct {
	Title, Body string
	Buttons     []Button
	Urgency     Urgency
	Category    string // of the specification's table, e.g. "network.error"

	// Replaces is the popup to be replaced, 0 for none. One that is no longer
	// on the screen is no obstacle, unless OnlyIfShown is set: then nothing
	// happens.
	Replaces    ID
	OnlyIfShown bool

	// Pressed is called with the key of a button when it is pressed; it may be
	// nil. It is called from the Sender's goroutine.
	Pressed func(key string)
}

// Sender shows popups. Its methods may be called from any goroutine.
type Sender interface {
	// Show shows p and returns its name, for replacing it or withdrawing it.
	Show(ctx context.Context, p Popup) (ID, error)
	// Withdraw takes a popup off the screen. It is no error when it is gone.
	Withdraw(id ID) error
}
