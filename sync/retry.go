package sync

import (
	"time"

	"smd-applet/sync/fault"
)

// The back-off after avoidable failures: 5 s, 15 s, 45 s … 10 min.
const (
	firstRetry  = 5 * time.Second
	retryFactor = 3
	lastRetry   = 10 * time.Minute
	jitter      = 0.2 // each way, so that many clients don't come back at once
)

// backoff is how long to wait after the failures-th failure in a row, counted
// from 1; random is in [0, 1), and 0.5 means no jitter.
func backoff(failures int, random float64) time.Duration {
	d := firstRetry
	for range failures - 1 {
		if d *= retryFactor; d >= lastRetry {
			d = lastRetry
			break
		}
	}
	return min(lastRetry, time.Duration(float64(d)*(1+jitter*(2*random-1))))
}

// retryDelay is how long to wait before failed is tried again by itself. An
// avoidable failure backs off; any other waits for its direction's interval, as
// people mend things without telling.
func retryDelay(err *fault.Error, failures int, failed request, s schedule, random float64) time.Duration {
	if err.Avoidable() {
		return backoff(failures, random)
	}
	delay := s.pull
	if failed.push && (!failed.pull || s.pull == 0 || s.push > 0 && s.push < s.pull) {
		delay = s.push
	}
	if delay == 0 {
		return lastRetry
	}
	return delay
}
