package sync

import (
	"context"
	"testing"

	"smd-applet/sync/config"
)

func TestEngineRemembersWhatChanged(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(60, 60, "work")}, func(s *stage) {
		count := 0
		s.player.plays(func(_ context.Context, _ string, d Direction, _ func(Progress)) (Result, error) {
			if d == Push {
				return Result{}, nil
			}
			count++
			return Result{Summary: Summary{New: count}}, nil
		})
		if recent := s.State().Recent; recent != nil {
			t.Errorf("runs that changed nothing: %+v", recent)
		}
		for range mostRecent + 2 {
			s.SyncNow("")
			s.pass(quiet)
		}
		before := s.State().Recent
		if len(before) != mostRecent {
			t.Fatalf("%d runs, want %d", len(before), mostRecent)
		}
		for i, a := range before {
			if a.Summary.New != mostRecent+2-i || a.Endpoint != "work" || a.Direction != Pull || a.At.IsZero() {
				t.Errorf("number %d is %+v", i, a)
			}
		}
		s.SyncNow("")
		s.pass(quiet)
		if before[0].Summary.New != mostRecent+2 {
			t.Error("what a reader holds was changed")
		}
	})
}
