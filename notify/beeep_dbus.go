//go:build !nodbus && (linux || freebsd || netbsd || openbsd)

package notify

import (
	"context"
	"errors"
)

// fallback is none. Built without the tag nodbus, beeep would use the bus
// connection that the tray icon shares, and the tray stops registering itself
// again after the first signal of a popup.
type fallback struct{}

func newFallback([]byte) Sender { return fallback{} }

// Show implements [Sender].
func (fallback) Show(context.Context, Popup) (ID, error) {
	return 0, errors.New("no notification server on the bus, start one (notify-send is used when built with -tags nodbus)")
}

// Withdraw implements [Sender].
func (fallback) Withdraw(ID) error { return nil }
