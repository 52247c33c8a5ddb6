package sync

import (
	stdsync "sync"
	"time"
)

// progressEvery is the least time between two publications of a run's progress.
const progressEvery = 100 * time.Millisecond

// meter takes a run's progress from any goroutine and hands the latest value to
// the endpoint's own.
type meter struct {
	moved chan struct{} // one slot: there is a value that was not shown

	mu     stdsync.Mutex
	latest Progress
}

func newMeter() *meter { return &meter{moved: make(chan struct{}, 1)} }

func (m *meter) report(p Progress) {
	m.mu.Lock()
	m.latest = p
	m.mu.Unlock()
	select {
	case m.moved <- struct{}{}:
	default:
	}
}

func (m *meter) read() Progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.latest
}
