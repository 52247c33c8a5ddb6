//go:build !linux && !freebsd && !openbsd && !netbsd

package machine

import (
	"context"
	"log/slog"
)

// Watch has nothing to tell on this system.
func Watch(_ context.Context, h Handler, _ *slog.Logger) {
	if h.Ready != nil {
		h.Ready()
	}
}
