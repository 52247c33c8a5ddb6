package twoway_test

import (
	"path/filepath"
	"testing"

	"smd-applet/sync/synctest"
	"smd-applet/sync/twoway"
)

func TestFirstSync(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		here, there  int
		pulled, sent int
	}{
		{"from the server", 0, 300, 300, 0},
		{"to the server", 300, 0, 0, 300},
		{"both have their own", 200, 300, 300, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			generate(t, p.client, c.here, 1)
			generate(t, p.side, c.there, 2)
			r := p.mustSync()
			p.equal()
			if r.Here.New != c.pulled || r.There.New != c.sent {
				t.Errorf("%d came and %d went, want %d and %d", r.Here.New, r.There.New, c.pulled, c.sent)
			}
			if r := p.mustSync(); r.Here != (twoway.Tally{}) || r.There != (twoway.Tally{}) {
				t.Errorf("the second run did something: %+v", r)
			}
		})
	}
}

func generate(t testing.TB, s *side, n int, seed uint64) {
	t.Helper()
	if n == 0 {
		return
	}
	if _, err := synctest.Generate(filepath.Join(s.home, "Mail"), synctest.Options{Seed: seed, Messages: n, Folders: 7}); err != nil {
		t.Fatal(err)
	}
}

// Two full copies of a mailbox agree without moving a body, whatever the names.
func TestTwoCopiesAgree(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	generate(t, p.client, 300, 1)
	generate(t, p.side, 300, 1)
	r := p.mustSync()
	p.equal()
	if r.Here.New+r.There.New != 0 || r.Here.Bytes+r.There.Bytes != 0 {
		t.Errorf("messages moved: %+v", r)
	}
}
