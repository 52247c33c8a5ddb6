package sync

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"smd-applet/sync/fault"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	for failures, want := range []time.Duration{
		1: 5 * time.Second,
		2: 15 * time.Second,
		3: 45 * time.Second,
		4: 135 * time.Second,
		5: 405 * time.Second,
		6: 10 * time.Minute,
		7: 10 * time.Minute,
	} {
		if failures == 0 {
			continue
		}
		if got := backoff(failures, 0.5); got != want {
			t.Errorf("after %d failures: %v, want %v", failures, got, want)
		}
	}
}

func TestBackoffStaysInBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		failures := rapid.IntRange(1, 1<<40).Draw(t, "failures")
		random := rapid.Float64Range(0, 0.999999).Draw(t, "random")
		d := backoff(failures, random)
		if d < firstRetry*8/10 || d > lastRetry {
			t.Fatalf("backoff(%d, %v) = %v", failures, random, d)
		}
	})
}

func TestRetryDelay(t *testing.T) {
	t.Parallel()
	pull, push := request{pull: true}, request{push: true}
	every := schedule{pull: 3 * time.Minute, push: 10 * time.Minute}
	for name, c := range map[string]struct {
		kind     fault.Kind
		failures int
		failed   request
		schedule schedule
		want     time.Duration
	}{
		"avoidable":                      {fault.Network, 2, both, every, 15 * time.Second},
		"pull needs a person":            {fault.Auth, 1, pull, every, 3 * time.Minute},
		"push needs a person":            {fault.Auth, 1, push, every, 10 * time.Minute},
		"both need a person":             {fault.Auth, 1, both, every, 3 * time.Minute},
		"both, push comes sooner":        {fault.Auth, 1, both, schedule{pull: time.Hour, push: time.Minute}, time.Minute},
		"both, only push has a timer":    {fault.Auth, 1, both, schedule{push: time.Minute}, time.Minute},
		"both, only pull has a timer":    {fault.Auth, 1, both, schedule{pull: time.Minute}, time.Minute},
		"no timer: the longest back-off": {fault.Auth, 1, push, schedule{pull: time.Minute}, 10 * time.Minute},
	} {
		got := retryDelay(&fault.Error{Kind: c.kind}, c.failures, c.failed, c.schedule, 0.5)
		if got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
