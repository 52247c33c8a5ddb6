package twoway_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"smd-applet/sync/synctest"
	"smd-applet/sync/twoway"
	"smd-applet/sync/watch"
)

// bustle is people at work on both mailboxes while a sync goes on. Names and
// contents may change under their hands, so it is told of each letter, by its
// number, what may have become of it.
type bustle struct {
	*pair
	random  *rand.Rand
	letters int
	copied  map[int]int
	edited  map[int]bool
	deleted map[int]bool
	log     []string
}

// letter returns the number of the letter that lies in a file, 0 where it is gone.
func letter(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	var n int
	_, rest, _ := bytes.Cut(b, []byte("Subject: "))
	_, _ = fmt.Sscan(string(rest), &n)
	return n
}

// step does one thing at one end. What a sync was quicker with is not done.
func (b *bustle) step() {
	s, name := b.client, "client"
	if b.random.IntN(2) == 0 {
		s, name = b.side, "server"
	}
	folder := historyFolders[b.random.IntN(len(historyFolders))]
	all, err := s.box.Messages("")
	if err != nil {
		return // a folder went away meanwhile
	}
	what := b.random.IntN(12)
	if len(all) == 0 || what < 3 {
		b.letters++
		content := fmt.Appendf(nil, "Subject: %d\n\nbody\n%s", b.letters, strings.Repeat("x", b.random.IntN(3000)))
		m, err := s.box.DeliverContent(folder, content)
		if err != nil {
			b.deleted[b.letters] = true // not delivered
		}
		b.log = append(b.log, fmt.Sprintf("%s: deliver %d as %s", name, b.letters, m))
		return
	}
	m := all[b.random.IntN(len(all))]
	n := letter(s.box.Path(m))
	if n == 0 {
		return
	}
	did := ""
	switch what {
	case 3, 4, 5:
		did = "flag"
		_, err = s.box.Flag(m, []string{"", "S", "FS", "R"}[b.random.IntN(4)])
	case 6:
		did = "move"
		_, err = s.box.Move(m, folder)
	case 7:
		did = "refile"
		_, err = s.box.Refile(m, folder)
	case 8:
		did = "copy"
		b.copied[n]++
		_, err = s.box.Copy(m, folder)
	case 9:
		did = "edit"
		b.edited[n] = true
		_, err = s.box.EditBody(m, fmt.Sprintf("edited %d\n", b.random.Int()))
	case 10, 11:
		did = "delete"
		b.deleted[n] = true
		err = s.box.Delete(m)
	}
	b.log = append(b.log, fmt.Sprintf("%s: %s %d, %s → %s: %v", name, did, n, m, folder, err))
}

// check holds the ends against the promises: a letter nobody deleted is there, and
// no more often than it was copied, unless somebody edited it.
func (b *bustle) check(fatalf func(string, ...any)) {
	story := func() string { return strings.Join(b.log, "\n") }
	if d := synctest.DiffNames(b.client.census(), b.side.census()); d != "" {
		fatalf("the two ends differ (client, server):\n%s\nafter\n%s", d, story())
	}
	all, err := b.client.box.Messages("")
	if err != nil {
		fatalf("%v", err)
	}
	counts := make(map[int]int)
	where := make(map[int][]string)
	for _, m := range all {
		n := letter(b.client.box.Path(m))
		counts[n]++
		where[n] = append(where[n], m)
	}
	for n := 1; n <= b.letters; n++ {
		switch {
		case counts[n] == 0 && !b.deleted[n]:
			fatalf("letter %d is lost, after\n%s", n, story())
		case counts[n] > 1+b.copied[n] && !b.edited[n]:
			fatalf("letter %d is there %d times, %q, copied %d times, after\n%s", n, counts[n], where[n], b.copied[n], story())
		}
	}
}

// TestChangesDuringSync lets people go on while both ends are synced. At rest
// afterwards one more sync makes them equal.
func TestChangesDuringSync(t *testing.T) {
	t.Parallel()
	for _, watched := range []bool{false, true} {
		t.Run(fmt.Sprintf("watched %t", watched), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(r *rapid.T) {
				p := newPair(t)
				defer os.RemoveAll(p.client.home)
				defer os.RemoveAll(p.side.home)
				seed := rapid.Uint64().Draw(r, "seed")
				b := &bustle{
					pair: p, random: rand.New(rand.NewPCG(seed, 1)),
					copied: make(map[int]int), edited: make(map[int]bool), deleted: make(map[int]bool),
				}
				for _, s := range []*side{p.client, p.side} {
					if err := s.box.AddFolder("."); err != nil {
						r.Fatal(err)
					}
				}
				for range 20 {
					b.step()
				}
				ctx := context.Background()
				sync := p.sync
				closeLine := func() error { return nil }
				if watched {
					ctx, end := context.WithCancel(ctx)
					defer end()
					line, err := p.resident(ctx, follow(t, ctx, p.client), follow(t, ctx, p.side))
					if err != nil {
						r.Fatal(err)
					}
					sync = func() (*twoway.Result, error) { return line.run(ctx, p.opt) }
					closeLine = line.close
				}
				steps := rapid.IntRange(1, 60).Draw(r, "steps")
				atRest := make(chan struct{})
				go func() {
					defer close(atRest)
					for range steps {
						b.step()
					}
				}()
				var results []string
				for going := true; going; {
					select {
					case <-atRest:
						going = false
					default:
					}
					res, err := sync()
					if err != nil {
						<-atRest
						r.Fatalf("%v, after\n%s", err, strings.Join(b.log, "\n"))
					}
					results = append(results, fmt.Sprintf("here %+v there %+v again %t", res.Here, res.There, res.Again))
				}
				res, err := sync()
				if err != nil || res.Again {
					r.Fatalf("it did not come to rest: %v %+v, after\n%s", err, res, strings.Join(b.log, "\n"))
				}
				if err := closeLine(); err != nil {
					r.Error(err)
				}
				b.log = append(b.log, results...)
				b.check(r.Fatalf)
			})
		})
	}
}

// TestMovedInARestlessMailbox has a message be moved at the server, and be filed anew at
// the client whenever that looks: it is never where the watch just said.
func TestMovedInARestlessMailbox(t *testing.T) {
	t.Parallel()
	p := newPairWithRoots(t)
	message, err := p.client.box.DeliverContent(".a", []byte("Subject: 1\n\nbody\n"))
	if err != nil {
		t.Fatal(err)
	}
	on := &onTheMove{follower: follow(t, t.Context(), p.client), box: p.client.box, message: message}
	line, err := p.resident(t.Context(), on, follow(t, t.Context(), p.side))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := line.run(t.Context(), p.opt); err != nil {
		t.Fatal(err)
	}
	if _, err := p.side.box.Move(message, "."); err != nil {
		t.Fatal(err)
	}
	on.moves = 40 // more than it is looked at in one run
	for range 3 {
		if _, err := line.run(t.Context(), p.opt); err != nil {
			t.Fatal(err)
		}
		on.moves = 0
	}
	if err := line.close(); err != nil {
		t.Error(err)
	}
	p.equal()
	if all, err := p.client.box.Messages(""); err != nil || len(all) != 1 {
		t.Fatalf("%v, %q", err, all)
	}
}

// onTheMove is a watch that tells of a message leaving before it tells of it arriving,
// of one that is filed anew again and again.
type onTheMove struct {
	*follower
	box     *synctest.Mailbox
	message string
	moves   int
	arrived string // not told of yet
}

func (r *onTheMove) Take() (files, folders []string, all bool) {
	files, folders, all = r.follower.Take()
	if r.moves == 0 {
		return files, folders, all
	}
	r.moves--
	left, before := r.message, r.arrived
	moved, err := r.box.Refile(r.message, ".a")
	if err != nil {
		r.t.Error(err)
	}
	r.message, r.arrived = moved, "Mail/"+moved
	files = []string{"Mail/" + left}
	if before != "" {
		files = append(files, before)
	}
	return files, folders, all
}

// follower is a watch of the system's that has no delay: what it is asked for has
// all that happened before.
type follower struct {
	*watch.Tree
	t     testing.TB
	home  string
	asked int
}

func follow(t testing.TB, ctx context.Context, s *side) *follower {
	tree, err := watch.OpenTree(ctx, s.home, []string{"Mail"}, nil, s.log)
	if err != nil {
		t.Fatal(err)
	}
	return &follower{Tree: tree, t: t, home: s.home}
}

// Take puts an empty file, which is no message, where the watch has to see it. Each has
// a name of its own: what is told late of the one before says nothing of this one.
func (f *follower) Take() (files, folders []string, all bool) {
	if !f.Live() {
		return nil, nil, true // the system has no watches left
	}
	const barrier = "Mail/cur/barrier"
	f.asked++
	local := fmt.Sprint(barrier, f.asked)
	path := filepath.Join(f.home, local)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		f.t.Error(err)
	}
	defer os.Remove(path)
	deadline := time.After(10 * time.Second)
	for {
		names, dirs, everything := f.Tree.Take()
		files, folders, all = append(files, names...), append(folders, dirs...), all || everything
		if slices.Contains(files, local) {
			return slices.DeleteFunc(files, func(n string) bool { return strings.HasPrefix(n, barrier) }), folders, all
		}
		select {
		case <-f.Changed():
		case <-deadline:
			f.t.Error("the watch does not see a new file")
			return files, folders, true
		}
	}
}
