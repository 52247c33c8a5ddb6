package sync

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

func (s *stage) waits(want Wait) {
	s.t.Helper()
	if got := s.only().Waiting; got != want {
		s.t.Errorf("it waits for %q, want %q", got, want)
	}
}

func TestOfflineWaitsAndOnlineSyncs(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 10, "work")}, func(s *stage) {
		s.player.took()
		s.SetOnline(true) // no news
		s.expect()
		s.SetOnline(false)
		s.overall(Offline)
		s.waits(WaitOffline)
		s.look.change("/home/me/Mail/work")
		s.pass(time.Hour)
		s.expect()
		if next := s.only().NextRun; !next.IsZero() {
			t.Errorf("the next run is planned for %v", next)
		}
		s.SetOnline(true)
		s.expect("1h0m0s work pull", "1h0m0s work push")
		s.waits("")
		s.overall(Idle)
		s.pass(3 * time.Minute)
		s.expect("1h3m0s work pull")
	})
}

// What a person asks for is tried; its failure is not retried in vain.
func TestOfflineTriesWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(60, 60, "work")}, func(s *stage) {
		s.player.took()
		s.SetOnline(false)
		s.player.fails("", fault.Network)
		s.SyncNow("work")
		s.pass(time.Hour)
		s.expect("0s work pull")
		s.overall(Offline)
		s.player.plays(nil)
		s.SetOnline(true)
		s.expect("1h0m0s work pull", "1h0m0s work push")
		s.overall(Idle)
	})
}

// The network going ends a run, which is no failure; what it was asked for is
// done when the network is there, also where nothing is done by itself.
func TestOfflineEndsTheRunAndRemembersIt(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(0, 0, "work")}, func(s *stage) {
		s.player.plays(until)
		s.SyncNow("work")
		s.expect("0s work pull")
		s.SetOnline(false)
		if st := s.only(); st.LastError != nil || st.Progress.Phase != PhaseIdle {
			t.Errorf("after the network went: %+v", st)
		}
		s.player.plays(nil)
		s.SetOnline(true)
		s.expect("0s work pull", "0s work push")
	})
}

func TestOnlineDoesNotEndAPause(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(60, 60, "work")}, func(s *stage) {
		s.player.took()
		s.Pause("")
		s.SetOnline(false)
		s.overall(Paused)
		s.SetOnline(true)
		s.pass(time.Hour)
		s.expect()
		s.SetOnline(false)
		s.Resume("")
		s.pass(time.Hour)
		s.expect()
		s.overall(Offline)
		s.SetOnline(true)
		s.expect("2h0m0s work pull", "2h0m0s work push")
	})
}

// A mailbox on this machine needs no network, nor does a wrong configuration need
// one to be told of.
func TestOfflineIsNothingToALocalMailbox(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 0, "local")}, func(s *stage) {
		s.player.took()
		s.SetOnline(false)
		s.SetMetered(true)
		s.pass(3 * time.Minute)
		s.expect("3m0s local pull")
		s.overall(Idle)
	})
}

func TestMeteredIsOnRequestOnly(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 0, "work")}, func(s *stage) {
		s.player.took()
		s.SetMetered(true)
		s.pass(time.Hour)
		s.expect()
		s.waits(WaitMetered)
		s.overall(Paused)
		s.SyncNow("")
		s.expect("1h0m0s work pull", "1h0m0s work push")
		s.pass(time.Hour)
		s.expect()

		s.SetOnline(false) // stronger
		s.waits(WaitOffline)
		s.SetOnline(true)
		s.waits(WaitMetered)
		s.expect()
		s.SetMetered(false)
		s.expect("2h0m0s work pull")
	})
}

func TestMeteredMayBeAllowed(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 0, "rich")}, func(s *stage) {
		s.player.took()
		s.SetMetered(true)
		s.pass(3 * time.Minute)
		s.expect("3m0s rich pull")
		s.waits("")
	})
}

// An endpoint that is added later waits as well.
func TestNewEndpointsWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, []config.LoopEntry{minutes(3, 0, "work")})
		s.SetOnline(false)
		s.run()
		s.pass(time.Hour)
		s.expect()
		s.waits(WaitOffline)
		s.SetOnline(true)
		s.expect("1h0m0s work pull")
		s.stop()
	})
}

func TestSuspendEndsRunsAndWakeUpSyncs(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 10, "work"), minutes(0, 0, "local")}, func(s *stage) {
		s.player.took()
		ending := make(chan struct{})
		s.player.plays(func(ctx context.Context, _ string, _ Direction, _ func(Progress)) (Result, error) {
			<-ctx.Done()
			<-ending // a run takes its time to end
			return Result{}, ctx.Err()
		})
		s.SyncNow("")
		s.pass(time.Second)
		s.player.took()
		slept := make(chan error, 1)
		go func() { slept <- s.Suspend(s.t.Context()) }()
		synctest.Wait()
		if len(slept) > 0 {
			t.Error("it did not wait for the runs")
		}
		close(ending)
		if err := <-slept; err != nil {
			t.Error(err)
		}
		s.pass(time.Hour)
		s.expect()
		s.player.plays(nil)
		s.WakeUp()
		synctest.Wait()
		if got := len(s.player.took()); got != 4 {
			t.Errorf("%d runs after waking up, want a pull and a push of both", got)
		}
		for _, ep := range s.State().Endpoints {
			if ep.Waiting != "" || ep.LastError != nil {
				t.Errorf("after waking up: %+v", ep)
			}
		}
	})
}

// Sleep does not wait for a run that does not end.
func TestSuspendGivesUp(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(3, 10, "work")}, func(s *stage) {
		ending := make(chan struct{})
		s.player.plays(func(context.Context, string, Direction, func(Progress)) (Result, error) {
			<-ending
			return Result{}, nil
		})
		s.SyncNow("")
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		defer cancel()
		if err := s.Suspend(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Suspend: %v", err)
		}
		close(ending)
	})
}

// Another network: the run over the old one starts anew, at once and without a
// failure; the one of a local mailbox goes on.
func TestReconnect(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(0, 0, "work")}, func(s *stage) {
		s.player.plays(until)
		outcome := make(chan error, 1)
		go func() { outcome <- s.Sync(s.t.Context(), "work") }()
		s.pass(time.Second)
		s.expect("0s work pull")
		s.player.plays(nil)
		s.Reconnect()
		s.expect("1s work pull", "1s work push")
		if err := <-outcome; err != nil {
			t.Errorf("who waits is told of %v", err)
		}
		if st := s.only(); st.LastError != nil {
			t.Errorf("it is a failure: %v", st.LastError)
		}
		ending := make(chan struct{})
		s.player.plays(func(ctx context.Context, _ string, _ Direction, _ func(Progress)) (Result, error) {
			<-ctx.Done()
			<-ending
			return Result{}, ctx.Err()
		})
		s.SyncNow("work")
		synctest.Wait()
		s.Reconnect()
		s.Pause("work") // wins
		close(ending)
		s.expect("1s work pull")
		s.Reconnect()
		s.expect()
	})
	perform(t, []config.LoopEntry{minutes(0, 0, "local")}, func(s *stage) {
		s.player.plays(lasting(time.Minute))
		s.SyncNow("local")
		s.pass(time.Second)
		s.Reconnect()
		s.pass(2 * time.Minute)
		s.expect("0s local pull", "1m0s local push")
	})
}

// The menu may allow what the configurations do not say.
func TestMeteredIsAllowedByTheMenu(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, []config.LoopEntry{minutes(3, 0, "work")})
		s.opts.Paths.Home = home
		s.run()
		s.player.took()
		s.SetMetered(true)
		s.waits(WaitMetered)
		if err := s.SetSyncMetered(true); err != nil {
			t.Fatal(err)
		}
		s.expect("0s work pull")
		s.waits("")
		if err := s.SetSyncMetered(false); err != nil {
			t.Fatal(err)
		}
		s.waits(WaitMetered)
		s.stop()
	})
}

// A pause may end while the endpoint waits, and waiting while it is paused.
func TestPauseEndsWhileWaiting(t *testing.T) {
	t.Parallel()
	perform(t, []config.LoopEntry{minutes(60, 0, "work")}, func(s *stage) {
		s.player.took()
		s.PauseUntil("work", time.Now().Add(10*time.Minute))
		s.SetOnline(false)
		s.pass(20 * time.Minute)
		s.expect()
		if st := s.only(); st.Paused || st.Waiting != WaitOffline {
			t.Errorf("after the pause: %+v", st)
		}
		s.PauseUntil("work", time.Now().Add(10*time.Minute))
		s.SetOnline(true)
		s.expect()
		s.pass(10 * time.Minute)
		s.expect("30m0s work pull")
	})
}
