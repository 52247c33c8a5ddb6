package smd2

import "time"

const (
	// trialSize is how much content is sent one way, in bytes before compression,
	// before its speed counts: much more than the line's buffers hold.
	trialSize = 16 << 20
	// slowLine is the speed, in bytes a second on the wire, below which compressing
	// always pays, and nothing else is tried.
	slowLine = 8 << 20
	// trials is how many follow the quicker way before the other is tried again.
	trials = 64
)

// pace finds out whether content goes faster compressed or as it is: on a line that
// is faster than the compressor, as between two machines in one house, compressing
// only holds it up. It tries both, and goes on with the quicker. The zero value is
// ready, and compresses.
type pace struct {
	raw   bool // content is sent as it is
	speed struct{ raw, compressed float64 }
	next  int // trials until the other way is tried

	began       time.Time     // of the frames sent without a pause; zero in one
	spent       time.Duration // of the trial, without pauses, before began
	plain, wire int64         // of the trial, bytes
}

// start says that a frame is about to be made.
func (p *pace) start(now time.Time) {
	if p.began.IsZero() {
		p.began = now
	}
}

// sent says that the frame has gone.
func (p *pace) sent(plain, wire int, now time.Time) {
	p.plain += int64(plain)
	p.wire += int64(wire)
	if p.plain < trialSize {
		return
	}
	if seconds := (p.spent + now.Sub(p.began)).Seconds(); seconds > 0 {
		p.judge(float64(p.plain)/seconds, float64(p.wire)/seconds)
	}
	p.began, p.spent, p.plain, p.wire = now, 0, 0, 0
}

// pause says that there is nothing more to send for now.
func (p *pace) pause(now time.Time) {
	if !p.began.IsZero() {
		p.spent += now.Sub(p.began)
		p.began = time.Time{}
	}
}

// judge decides on the next trial, by the speeds of the last one.
func (p *pace) judge(plain, wire float64) {
	if p.raw {
		p.speed.raw = plain
	} else {
		p.speed.compressed = plain
	}
	if wire < slowLine {
		*p = pace{}
		return
	}
	if p.next--; p.next < 0 {
		p.raw, p.next = !p.raw, trials
		return
	}
	p.raw = p.speed.raw > p.speed.compressed
}
