package twoway_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	stdsync "sync"
	"testing"
	"testing/synctest"
	"time"

	"smd-applet/sync/twoway"
	"smd-applet/sync/wire/smd2"
)

// buffered is one direction of a line: it holds so much, then the writer waits.
type buffered struct {
	mu     stdsync.Mutex
	cond   *stdsync.Cond
	held   []byte
	closed bool
}

func newBuffered() *buffered {
	b := &buffered{}
	b.cond = stdsync.NewCond(&b.mu)
	return b
}

const holds = 64 << 10

func (b *buffered) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for n := 0; n < len(p); {
		for len(b.held) >= holds && !b.closed {
			b.cond.Wait()
		}
		if b.closed {
			return n, io.ErrClosedPipe
		}
		piece := p[n:min(len(p), n+holds-len(b.held))]
		b.held = append(b.held, piece...)
		n += len(piece)
		b.cond.Broadcast()
	}
	return len(p), nil
}

func (b *buffered) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.held) == 0 && !b.closed {
		b.cond.Wait()
	}
	if len(b.held) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.held)
	b.held = append(b.held[:0], b.held[n:]...)
	b.cond.Broadcast()
	return n, nil
}

func (b *buffered) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.cond.Broadcast()
	return nil
}

type halves struct {
	io.Reader
	io.Writer
}

// restless is a watch that is told of one file after the other.
type restless struct {
	changed chan struct{}
	mu      stdsync.Mutex
	files   map[string]bool
}

func (r *restless) Changed() <-chan struct{} { return r.changed }
func (r *restless) Live() bool               { return true }

func (r *restless) Take() (files, folders []string, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for f := range r.files {
		files = append(files, f)
	}
	clear(r.files)
	return files, nil, false
}

func (r *restless) note(files ...string) {
	r.mu.Lock()
	for _, f := range files {
		r.files[f] = true
	}
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// A client that does not come is told once that there are changes, however many
// follow, and costs the agent no memory; when it comes it is told of all of them, and
// then anew.
func TestClientThatDoesNotCome(t *testing.T) {
	// Not parallel: memory is measured.
	const letters, bursts = 40, 5000
	s := newSide(t, "server")
	var names []string
	for range letters {
		m, err := s.box.DeliverContent(".", fmt.Appendf(nil, "Subject: long\n\n%08000d\n", len(names)))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.Join("Mail", m))
	}
	synctest.Test(t, func(t *testing.T) {
		up, down := newBuffered(), newBuffered()
		w := &restless{changed: make(chan struct{}, 1), files: make(map[string]bool)}
		agent := make(chan error, 1)
		go func() {
			line := halves{up, down}
			agent <- twoway.Agent(context.Background(), smd2.NewConn(line, line, smd2.Options{Uncompressed: true}), twoway.AgentOptions{
				Open:  func(context.Context, *smd2.Hello) (*twoway.End, error) { return s.open() },
				Close: closeEnd,
				Lock:  func(context.Context) (func() error, error) { return func() error { return nil }, nil },
				Watch: func(context.Context) (twoway.Watch, error) { return w, nil },
				Log:   s.log,
			})
			down.Close()
		}()
		line := halves{down, up}
		conn := smd2.NewConn(line, line, smd2.Options{Uncompressed: true})
		greeting := func() error {
			if err := conn.Greet(); err != nil {
				return err
			}
			if err := conn.Send(&smd2.Hello{Oldest: 1, Newest: 1, Resident: true}); err != nil {
				return err
			}
			return conn.Flush()
		}
		if err := greeting(); err != nil {
			t.Fatal(err)
		}
		receive := func() any {
			t.Helper()
			msg, err := conn.Receive()
			if err != nil {
				t.Fatal(err)
			}
			return msg
		}
		receive() // its Hello

		settle := func() { // until the agent has nothing more to do
			<-time.After(time.Minute)
			synctest.Wait()
		}
		memory := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		w.note(names...)
		settle()
		before := memory()
		for i := range bursts { // a person flags one message after the other
			was := names[i%letters]
			now := filepath.Join("Mail/cur", filepath.Base(was[:len(was)-len(flagsOf(was))])+[]string{":2,S", ":2,FS"}[i/letters%2])
			if err := os.Rename(filepath.Join(s.home, was), filepath.Join(s.home, now)); err != nil {
				t.Fatal(err)
			}
			names[i%letters] = now
			w.note(was, now)
			settle()
		}
		const most = 2 << 20
		if after := memory(); after > before+most {
			t.Errorf("the agent has %d bytes more after %d changes that nobody took, want no more than %d", after-before, bursts, most)
		}
		if err := conn.Send(&smd2.Begin{}); err != nil {
			t.Fatal(err)
		}
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		told := 0
		for begun := false; !begun; {
			switch m := receive().(type) {
			case *smd2.Changed:
				told++
			case *smd2.Begun:
				begun = true
				if m.Changes != letters+1 { // and the folder
					t.Errorf("the agent has %d changes, want %d", m.Changes, letters+1)
				}
			default:
				t.Fatalf("it says %T", m)
			}
		}
		if told != 1 {
			t.Errorf("the client was told %d times, want once", told)
		}
		// After a run the next change is told.
		if err := conn.Send(&smd2.End{}); err != nil {
			t.Fatal(err)
		}
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		if m, ok := receive().(*smd2.Ended); !ok {
			t.Errorf("the run ends with %T", m)
		}
		w.note(names[0])
		settle()
		if m, ok := receive().(*smd2.Changed); !ok {
			t.Errorf("after the run it says %T", m)
		}
		up.Close()
		if err := <-agent; err != nil {
			t.Error(err)
		}
	})
}

// flagsOf is the part of a file name that tells the flags.
func flagsOf(name string) string {
	for i := range name {
		if name[i] == ':' {
			return name[i:]
		}
	}
	return ""
}
