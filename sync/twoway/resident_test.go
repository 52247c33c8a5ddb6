package twoway_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	stdsync "sync"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/agreed"
	"smd-applet/sync/twoway"
)

// observer tells what changed in a mailbox since it was last asked, as a watch
// does that misses nothing: the files of cur and new by their names, anything
// about directories as "look everywhere".
type observer struct {
	home    string
	changed chan struct{}

	mu    stdsync.Mutex
	files map[string]agreed.Seen
	dirs  map[string]bool
}

func observe(home string) *observer {
	o := &observer{home: home, changed: make(chan struct{}, 1)}
	o.files, o.dirs = o.look()
	return o
}

func (o *observer) Changed() <-chan struct{} { return o.changed }

func (o *observer) Live() bool { return true }

// nudge says that there is something to take.
func (o *observer) nudge() {
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

func (o *observer) look() (files map[string]agreed.Seen, dirs map[string]bool) {
	files, dirs = make(map[string]agreed.Seen), make(map[string]bool)
	_ = filepath.WalkDir(filepath.Join(o.home, "Mail"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // gone meanwhile
		}
		rel, _ := filepath.Rel(o.home, path)
		if d.IsDir() {
			if d.Name() == "tmp" {
				return fs.SkipDir
			}
			dirs[rel] = true
			return nil
		}
		if st, err := d.Info(); err == nil {
			files[rel] = agreed.Seen{Mtime: st.ModTime().UnixNano(), Size: st.Size(), Ino: st.Sys().(*syscall.Stat_t).Ino}
		}
		return nil
	})
	return files, dirs
}

func (o *observer) Take() (touched, folders []string, all bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	files, dirs := o.look()
	for name, seen := range files {
		if was, ok := o.files[name]; !ok || was != seen {
			touched = append(touched, name)
		}
	}
	for name := range o.files {
		if _, ok := files[name]; !ok {
			touched = append(touched, name)
		}
	}
	for name := range dirs {
		all = all || !o.dirs[name]
	}
	for name := range o.dirs {
		all = all || !dirs[name]
	}
	o.files, o.dirs = files, dirs
	return touched, nil, all
}

// resident keeps one line open over many runs, with both ends watched.
type resident struct {
	*line
	here twoway.Watch
}

func (p *pair) resident(ctx context.Context, here, there twoway.Watch) (*resident, error) {
	r := &resident{here: here}
	p.side.watch = there
	defer func() { p.side.watch = nil }()
	hello := p.hello
	p.hello.Resident = true
	defer func() { p.hello = hello }()
	l, err := p.connect(ctx)
	r.line = l
	return r, err
}

// run syncs until both ends are at rest.
func (r *resident) run(ctx context.Context, opt twoway.RunOptions) (*twoway.Result, error) {
	opt.End, opt.Full, opt.Watch = r.end, false, r.here
	sum := &twoway.Result{}
	for range 4 {
		res, err := r.client.Run(ctx, opt)
		if err != nil {
			return res, err
		}
		add(&sum.Here, res.Here)
		add(&sum.There, res.There)
		if sum.Again = res.Again; !res.Again {
			break
		}
	}
	return sum, nil
}

// TestResidentHistories lets people do anything at both ends while one line stays
// open and each end looks only where its watch saw something.
func TestResidentHistories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		h := newHistory(t, r)
		defer os.RemoveAll(h.client.home)
		defer os.RemoveAll(h.side.home)
		ctx := context.Background()
		there := observe(h.side.home)
		line, err := h.resident(ctx, observe(h.client.home), there)
		if err != nil {
			r.Fatal(err)
		}
		closed := false
		closeLine := func() {
			if !closed {
				closed = true
				if err := line.close(); err != nil {
					r.Error(err)
				}
			}
		}
		defer closeLine()
		for range rapid.IntRange(2, 5).Draw(r, "syncs") {
			h.steps(6, func(s *side) {
				if s == h.side && rapid.Bool().Draw(r, "told") {
					there.nudge()
				}
			})
			res, err := line.run(ctx, h.opt)
			if err != nil {
				r.Fatalf("%v, after\n%s", err, h.story())
			}
			if res.Again {
				r.Fatalf("it did not come to rest, after\n%s", h.story())
			}
			h.note("sync: here %+v there %+v", res.Here, res.There)
			h.check()
			// What a run itself did is no change.
			if line.end.Stir(ctx, line.here) {
				r.Fatalf("the client has %d changes after the run, after\n%s", line.end.Tracker.Count(), h.story())
			}
			if res, err = line.run(ctx, h.opt); err != nil || res.Here != (twoway.Tally{}) || res.There != (twoway.Tally{}) {
				r.Fatalf("a second run did something: %+v, %v, after\n%s", res, err, h.story())
			}
		}
		closeLine()
		for _, s := range []*side{h.client, h.side} {
			if n := s.pending(ctx); n != 0 {
				r.Fatalf("%s: a tracker that looks at everything finds %d changes, after\n%s", s.home, n, h.story())
			}
		}
	})
}

// pending is how many changes a full look finds.
func (s *side) pending(ctx context.Context) int {
	s.t.Helper()
	end, err := s.open()
	if err != nil {
		s.t.Fatal(err)
	}
	defer closeEnd(end)
	if err := end.Tracker.Refresh(ctx, true); err != nil {
		s.t.Fatal(err)
	}
	return end.Tracker.Count()
}

// steps does up to n things, at either end; after is told where.
func (h *history) steps(n int, after func(*side)) {
	for range rapid.IntRange(0, n).Draw(h.r, "steps") {
		s, name := h.side, "server"
		if rapid.Bool().Draw(h.r, "here") {
			s, name = h.client, "client"
		}
		h.step(s, name)
		if after != nil {
			after(s)
		}
	}
}

func (h *history) story() string { return strings.Join(h.log, "\n") }

// cutter is a channel that breaks after so many bytes in one direction.
type cutter struct {
	duplex
	mu          stdsync.Mutex
	read, write int
}

func (c *cutter) spend(budget *int, n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n = min(n, *budget)
	*budget -= n
	return n
}

var errCut = errors.New("the line was cut")

func (c *cutter) Read(b []byte) (int, error) {
	n := c.spend(&c.read, len(b))
	if n == 0 {
		c.duplex.Close()
		return 0, errCut
	}
	got, err := c.duplex.Read(b[:n])
	c.mu.Lock()
	c.read += n - got
	c.mu.Unlock()
	return got, err
}

func (c *cutter) Write(b []byte) (int, error) {
	n := c.spend(&c.write, len(b))
	got, err := c.duplex.Write(b[:n])
	if err == nil && n < len(b) {
		c.duplex.Close()
		err = errCut
	}
	return got, err
}

// TestCutHistories breaks the line at any byte, in either direction: the next line
// brings both ends together, nothing is lost and nothing is there twice.
func TestCutHistories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		h := newHistory(t, r)
		defer os.RemoveAll(h.client.home)
		defer os.RemoveAll(h.side.home)
		for range rapid.IntRange(1, 3).Draw(r, "syncs") {
			h.steps(8, nil)
			for range rapid.IntRange(0, 3).Draw(r, "cuts") {
				c := &cutter{read: 1 << 30, write: 1 << 30}
				budget := &c.read
				if rapid.Bool().Draw(r, "what is written") {
					budget = &c.write
				}
				*budget = rapid.IntRange(0, 4000).Draw(r, "after")
				h.cutter = c
				_, err := h.sync()
				h.cutter = nil
				h.note("cut after %d and %d bytes: %v", c.read, c.write, err)
				h.steps(2, nil)
			}
			res, err := h.sync()
			if err != nil {
				r.Fatalf("%v, after\n%s", err, h.story())
			}
			if res.Again {
				r.Fatalf("it did not come to rest, after\n%s", h.story())
			}
			h.note("sync: here %+v there %+v", res.Here, res.There)
			h.check()
		}
	})
}

// Between two runs the agreed state is open to others, such as whoever decides
// about held deletions while the line stays open.
func TestStateIsFreeBetweenRuns(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	generate(t, p.side, 20, 1)
	line, err := p.resident(t.Context(), observe(p.client.home), observe(p.side.home))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := line.run(t.Context(), p.opt); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*side{p.client, p.side} {
		db, err := agreed.Open(filepath.Join(s.home, "state"))
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := line.close(); err != nil {
		t.Error(err)
	}
}
