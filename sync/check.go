package sync

import (
	"context"
	"fmt"
	"time"
)

// Check returns nil once the engine and each of its endpoints have shown that
// they still take orders, which they do within seconds, also during a run. It
// is an error when one of them has not until ctx ends, as before Run and after
// its end. A watchdog that restarts a wedged program goes by it.
func (e *Engine) Check(ctx context.Context) error {
	select {
	case e.checks <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("the engine does not answer: %w", ctx.Err())
	}
	for _, ep := range e.named("") {
		select {
		case ep.orders <- func(time.Time) {}:
		case <-ep.gone:
		case <-ctx.Done():
			return fmt.Errorf("the endpoint %s does not answer: %w", ep.name, ctx.Err())
		}
	}
	return nil
}
