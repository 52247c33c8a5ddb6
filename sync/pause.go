package sync

import "time"

// pause is a wish of a person; the zero one is none.
type pause struct {
	on    bool
	until time.Time // by the clock on the wall; zero: until it is resumed
}

func (p pause) over(now time.Time) bool { return !p.on || reached(p.until, now) }

// pauseOf is the pause an endpoint begins with. The caller holds mu.
func (e *Engine) pauseOf(name string, now time.Time) pause {
	for _, p := range []pause{e.paused[name], e.pausedAll} {
		if !p.over(now) {
			return p
		}
	}
	return pause{}
}
