package sync

import (
	"context"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"smd-applet/sync/config"
)

// The menu's switch for new mail counts for all endpoints once it was used;
// before, each configuration does. It is there after a restart.
func TestEngineSettings(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		entries := []config.LoopEntry{minutes(60, 0, "a"), minutes(60, 0, "b")}
		start := func() *stage {
			s := newStage(t, entries)
			s.opts.Paths.Home = home
			s.opts.LoadEndpoint = func(_ context.Context, _ config.Paths, name string) (*config.Endpoint, error) {
				return &config.Endpoint{Name: name, NotifyNewMail: name == "b"}, nil
			}
			s.player.plays(func(context.Context, string, Direction, func(Progress)) (Result, error) {
				return Result{Summary: Summary{New: 1}}, nil
			})
			s.run()
			return s
		}
		announced := func(s *stage) []string {
			sub := s.Subscribe()
			defer sub.Close()
			s.SyncNow("")
			s.pass(time.Second)
			var names []string
			for _, mail := range happened[NewMail](sub) {
				if mail.Announce {
					names = append(names, mail.Endpoint)
				}
			}
			slices.Sort(names)
			return names
		}
		s := start()
		if got := s.State().Settings; got != (Settings{NotifyNewMail: true}) {
			t.Errorf("by the configurations: %+v", got)
		}
		if got := announced(s); !slices.Equal(got, []string{"b"}) {
			t.Errorf("announced by the configurations: %v", got)
		}
		if err := s.SetNotifyNewMail(false); err != nil {
			t.Fatal(err)
		}
		if got := announced(s); got != nil || s.State().Settings.NotifyNewMail {
			t.Errorf("switched off: %v", got)
		}
		if err := s.SetNotifyNewMail(true); err != nil {
			t.Fatal(err)
		}
		if got := announced(s); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("switched on: %v", got)
		}
		if err := s.SetSyncMetered(true); err != nil {
			t.Fatal(err)
		}
		s.stop()

		s = start()
		want := Settings{NotifyNewMail: true, SyncMetered: true}
		if got := s.State().Settings; got != want {
			t.Errorf("after a restart: %+v", got)
		}
		if err := os.WriteFile(s.opts.Paths.Preferences(), []byte("SYNC_ON_METERED=perhaps\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.Reload()
		synctest.Wait()
		if got := s.State().Settings; got != want {
			t.Errorf("after a wrong file: %+v", got)
		}
		if s.SetSyncMetered(false) == nil {
			t.Error("a wrong file was written over")
		}
		s.stop()
	})
}
