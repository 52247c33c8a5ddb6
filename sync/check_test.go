package sync

import (
	"context"
	"strings"
	"testing"
	"time"

	"smd-applet/sync/config"
)

func TestEngineCheckTellsAWedgedEndpoint(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 10, "home"), minutes(3, 10, "work")}, func(s *stage) {
		check := func() error {
			ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
			defer cancel()
			return s.Check(ctx)
		}
		s.player.plays(until)
		s.SyncNow("")
		if err := check(); err != nil {
			t.Errorf("during a run: %v", err)
		}
		release := make(chan struct{})
		s.named("work")[0].tell(func(time.Time) { <-release })
		if err := check(); err == nil || !strings.Contains(err.Error(), "work") {
			t.Errorf("with work wedged: %v", err)
		}
		close(release)
		if err := check(); err != nil {
			t.Errorf("with work going on: %v", err)
		}
		s.stop()
		if err := check(); err == nil {
			t.Error("an engine that has ended answers")
		}
	})
}
