package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// Desktop shows popups by the notification server on the session bus, and
// where there is none by what else the system has, without buttons.
type Desktop struct {
	bus      *Bus
	fallback Sender
}

// NewDesktop returns the sender for this desktop; nothing is opened before the
// first popup. icon is a PNG file's bytes, nil means that of the theme. It must
// be closed.
func NewDesktop(log *slog.Logger, icon []byte) *Desktop {
	return &Desktop{bus: NewBus(log, icon), fallback: newFallback(icon)}
}

// Show implements [Sender].
func (d *Desktop) Show(ctx context.Context, p Popup) (ID, error) {
	id, errBus := d.bus.Show(ctx, p)
	if errBus == nil || p.OnlyIfShown || ctx.Err() != nil {
		return id, errBus
	}
	id, err := d.fallback.Show(ctx, p)
	if err != nil {
		return 0, fmt.Errorf("show a popup: %w", errors.Join(errBus, err))
	}
	return id, nil
}

// Withdraw implements [Sender].
func (d *Desktop) Withdraw(id ID) error { return d.bus.Withdraw(id) }

// Close closes the connection and waits for what reads from it. No popup is
// withdrawn.
func (d *Desktop) Close() error { return d.bus.Close() }
