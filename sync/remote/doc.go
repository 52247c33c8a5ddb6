// Package remote gives the rest of the program a byte channel to a command on the
// server, and hides how: through the system's ssh, or a local pipe where both
// mailboxes are on this machine.
package remote

import (
	"context"
	"io"
)

// Host starts commands on one server.
type Host interface {
	// Start runs a command there. What it says on its standard error goes to
	// stderr, line by line. The channel must be closed.
	Start(ctx context.Context, argv []string, stderr io.Writer) (Channel, error)
	// How says, for the log, which way the host is reached and why.
	How() string
}

// Channel is a running command: reading gives its standard output, writing goes
// to its standard input.
type Channel interface {
	io.Reader
	io.Writer
	// CloseWrite ends its standard input.
	CloseWrite() error
	// Wait returns when the command has ended: nil, an [*ExitError], or an
	// error of kind [fault.Network], [fault.Auth] or of a host key.
	Wait() error
	// Close ends the command, by force if it must, and waits for it.
	Close() error
}
