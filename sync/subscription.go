package sync

import stdsync "sync"

// eventBacklog is how many events a reader may be behind before it loses some.
const eventBacklog = 64

// Subscription is one reader's view of an [Engine]. A slow reader may miss
// events, the oldest first; it never misses the latest State.
type Subscription struct {
	engine  *Engine
	changed chan struct{}
	events  chan Event

	mu     stdsync.Mutex // held while sending and closing
	closed bool
}

func newSubscription(e *Engine) *Subscription {
	s := &Subscription{engine: e, changed: make(chan struct{}, 1), events: make(chan Event, eventBacklog)}
	s.changed <- struct{}{} // a new reader has something to read
	return s
}

// Changed delivers whenever [Engine.State] may have changed since the last
// delivery, and once at the start. It is closed by Close.
func (s *Subscription) Changed() <-chan struct{} { return s.changed }

// Events delivers what happens from the subscription on. It is closed by Close.
func (s *Subscription) Events() <-chan Event { return s.events }

// Close ends the subscription and closes its channels. It may be called twice.
func (s *Subscription) Close() {
	s.engine.unsubscribe(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.changed)
		close(s.events)
	}
}

func (s *Subscription) signal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	select {
	case s.changed <- struct{}{}:
	default: // the reader will read the newest state anyway
	}
}

func (s *Subscription) send(ev Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	for {
		select {
		case s.events <- ev:
			return
		default:
		}
		select {
		case <-s.events:
		default: // the reader took one just now
		}
	}
}
