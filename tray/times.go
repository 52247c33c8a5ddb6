package tray

import (
	"time"

	"smd-applet/sync"
)

// pauseLength is how long a pause is to last.
type pauseLength int

const (
	endless pauseLength = iota
	halfHour
	twoHours
	untilTomorrow
)

// morning is when tomorrow begins, as an hour of the day.
const morning = 6

// until is when a pause that begins now ends; zero: never by itself.
func (p pauseLength) until(now time.Time) time.Time {
	switch p {
	case halfHour:
		return now.Add(30 * time.Minute)
	case twoHours:
		return now.Add(2 * time.Hour)
	case untilTomorrow:
		y, month, d := now.Date()
		return time.Date(y, month, d+1, morning, 0, 0, 0, now.Location())
	default:
		return time.Time{}
	}
}

// staleAt is when the status of e changes although nothing happens: when its
// "ago" does, or when the announced next run is past. Zero means never.
func staleAt(e sync.EndpointState, now time.Time) time.Time {
	var at time.Time
	if !e.LastSuccess.IsZero() {
		switch d := now.Sub(e.LastSuccess); {
		case d < time.Hour:
			at = e.LastSuccess.Add(max(0, d).Truncate(time.Minute) + time.Minute)
		case d < 24*time.Hour:
			at = e.LastSuccess.Add(d.Truncate(time.Hour) + time.Hour)
		}
	}
	if e.NextRun.After(now) {
		at = earliest(at, e.NextRun)
	}
	return at
}

// earliest returns the earlier of two times, where zero means never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
