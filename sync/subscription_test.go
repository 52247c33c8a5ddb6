package sync

import "testing"

func TestSlowReaderLosesTheOldestEvents(t *testing.T) {
	t.Parallel()
	e := NewEngine(Options{})
	s := e.Subscribe()
	defer s.Close()
	const n = eventBacklog + 10
	for i := range n {
		e.post(NewMail{Count: i})
	}
	for want := n - eventBacklog; want < n; want++ {
		if got := <-s.Events(); got != (NewMail{Count: want}) {
			t.Fatalf("got %v, want number %d", got, want)
		}
	}
	select {
	case ev := <-s.Events():
		t.Errorf("one too many: %v", ev)
	default:
	}
}

func TestChangedHasOneSlot(t *testing.T) {
	t.Parallel()
	e := NewEngine(Options{})
	s := e.Subscribe()
	defer s.Close()
	<-s.Changed() // there is a state to read from the start
	for range 3 {
		e.mu.Lock()
		e.signal()
		e.mu.Unlock()
	}
	<-s.Changed()
	select {
	case <-s.Changed():
		t.Error("three changes nobody read are still one")
	default:
	}
}

func TestClosedSubscription(t *testing.T) {
	t.Parallel()
	e := NewEngine(Options{})
	s := e.Subscribe()
	s.Close()
	s.Close()
	e.post(Reloaded{})
	s.send(Reloaded{}) // as a post that collected its readers before
	s.signal()
	if _, ok := <-s.Events(); ok {
		t.Error("events is still open")
	}
	for range s.Changed() {
		// what was waiting is still delivered; then the loop must end
	}
}
