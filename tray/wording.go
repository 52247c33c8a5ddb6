package tray

import (
	"fmt"
	"strconv"
	"time"

	"smd-applet/sync"
)

// ago tells how long ago t was, in whole minutes or hours; from a day on, when.
func ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return counted(int(d/time.Minute), "minute") + " ago"
	case d < 24*time.Hour:
		return counted(int(d/time.Hour), "hour") + " ago"
	default:
		return "on " + t.In(now.Location()).Format("2 Jan 15:04")
	}
}

// staleAt is when the status of e changes although nothing happens: when its
// "ago" does, or when the announced next try is past. Zero means never.
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
	if e.Retrying && e.NextRun.After(now) {
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

// clock is the time of day, with the weekday when it is another day.
func clock(t, now time.Time) string {
	t = t.In(now.Location())
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04")
	}
	return t.Format("Mon 15:04")
}

// counted is "1 minute", "2 minutes", "1,000 minutes".
func counted(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%s %ss", grouped(n), unit)
}

// grouped writes n, which is not negative, with a comma between thousands.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
