package notmuch_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"

	"smd-applet/sync/notmuch"
)

// One update runs at a time; what is asked for meanwhile is done once, later; a
// failure is told until an update succeeds.
func TestBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := notmuch.NewBackground(t.Context(), slog.New(slog.DiscardHandler))
		var done []string
		release := make(chan error)
		update := func(name string) func(context.Context) error {
			return func(context.Context) error {
				done = append(done, name)
				return <-release
			}
		}
		b.Do("one", update("one"))
		synctest.Wait()
		b.Do("one", update("never"))
		b.Do("two", update("two"))
		b.Do("one", update("one again"))
		synctest.Wait()
		if !slices.Equal(done, []string{"one"}) {
			t.Errorf("ran %q", done)
		}
		failure := errors.New("no")
		release <- failure
		synctest.Wait()
		if err := b.Failed("one"); !errors.Is(err, failure) {
			t.Errorf("the failure was %v", err)
		}
		release <- nil
		release <- failure
		synctest.Wait()
		if !slices.Equal(done, []string{"one", "one again", "two"}) || b.Failed("one") != nil || !errors.Is(b.Failed("two"), failure) {
			t.Errorf("ran %q; %v, %v", done, b.Failed("one"), b.Failed("two"))
		}
		b.Close()
	})
}

// Its end ends an update, and waits for it.
func TestBackgroundEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := notmuch.NewBackground(t.Context(), slog.New(slog.DiscardHandler))
		ended := false
		b.Do("one", func(ctx context.Context) error {
			<-ctx.Done()
			ended = true
			return ctx.Err()
		})
		b.Do("two", func(context.Context) error {
			t.Error("started at the end")
			return nil
		})
		synctest.Wait()
		b.Close()
		if !ended || b.Failed("one") != nil {
			t.Errorf("ended %t, failed with %v", ended, b.Failed("one"))
		}
	})
}
