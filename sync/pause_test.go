package sync

import (
	"testing"
	"testing/synctest"
	"time"

	"smd-applet/sync/config"
)

// A pause with an end ends by itself, as if it was resumed; until then it is as
// any other, also for an endpoint that comes meanwhile.
func TestEnginePauseUntil(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 10, "a"), minutes(3, 10, "b")}, func(s *stage) {
		s.player.took()
		end := time.Now().Add(30 * time.Minute)
		s.PauseUntil("a", end)
		synctest.Wait()
		if a := s.State().Endpoints[0]; !a.Paused || !a.PausedUntil.Equal(end) || !a.NextRun.Equal(end) {
			t.Errorf("paused: %+v", a)
		}
		s.PauseUntil("", end)
		s.pass(29 * time.Minute)
		s.expect()
		s.overall(Paused)
		s.SyncNow("b") // once
		s.expect("29m0s b pull", "29m0s b push")
		s.write(func() { s.entries = append(s.entries, minutes(0, 1, "c")) })
		s.Reload()
		s.pass(time.Minute)
		s.overall(Idle)
		for _, ep := range s.State().Endpoints {
			if ep.Paused || !ep.PausedUntil.IsZero() {
				t.Errorf("still paused: %+v", ep)
			}
		}
		if n := len(s.player.took()); n != 5 { // c is only pushed
			t.Errorf("%d runs at the end of the pause, want 5", n)
		}
		s.write(func() { s.entries = append(s.entries, minutes(0, 1, "d")) })
		s.Reload()
		s.pass(time.Second)
		if d := s.State().Endpoints[3]; d.Paused {
			t.Errorf("it came after the end of the pause: %+v", d)
		}
	})
}

func TestEngineTheLastPauseCounts(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 0, "a")}, func(s *stage) {
		s.PauseUntil("a", time.Now().Add(time.Minute))
		s.Pause("a")
		s.player.took()
		s.pass(24 * time.Hour)
		s.expect()
		s.PauseUntil("a", time.Now().Add(time.Minute))
		s.pass(time.Minute)
		s.expect("24h1m0s a pull")
		s.PauseUntil("a", time.Now().Add(time.Hour))
		s.Resume("a")
		s.expect("24h1m0s a pull")
		s.pass(2 * time.Minute)
		s.expect()
	})
}

// Timers stand still while the machine sleeps, its clock does not.
func TestPauseEndsByTheClock(t *testing.T) {
	t.Parallel()
	start := time.Now()
	a := agenda{schedule: schedule{pull: time.Hour}}
	a.pause(start.Add(time.Hour).Round(0))
	awake := time.Unix(0, start.Add(61*time.Minute).UnixNano())
	if !reached(a.resumeAt, awake) || !a.next(start).Equal(a.resumeAt) {
		t.Errorf("over at %s, it is %s", a.resumeAt, awake)
	}
}
