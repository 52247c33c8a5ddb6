package phrase

import (
	"strconv"
	"time"
)

// Ago tells how long ago t was, in whole minutes or hours; from a day on, when.
func (b *Book) Ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case d < time.Minute:
		return b.Say("just now")
	case d < time.Hour:
		n := int(d / time.Minute)
		return b.SayN(n, "%d minute ago", "%d minutes ago", n)
	case d < 24*time.Hour:
		n := int(d / time.Hour)
		return b.SayN(n, "%d hour ago", "%d hours ago", n)
	default:
		return b.Say("on %s", b.day(t.In(now.Location())))
	}
}

// Clock is the time of day, with the day when it is another one.
func (b *Book) Clock(t, now time.Time) string {
	t = t.In(now.Location())
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04")
	}
	return b.day(t)
}

// day is a day and the time of day, by a layout of package time which is
// translated as any other text.
func (b *Book) day(t time.Time) string { return t.Format(b.Say("2 Jan 15:04")) }

// Number writes n, which is not negative, with a mark between thousands.
func (b *Book) Number(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + b.Say(",") + digits[i:]
	}
	return digits
}
