package twoway_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	stdsync "sync"
	"sync/atomic"
	"testing"

	"smd-applet/sync/synctest"
)

// frame measures frames, and the magic before them (protocol.md).
func frame(first bool, head []byte) int {
	if first {
		if bytes.HasSuffix(head, []byte("\x1a\n")) {
			return len(head)
		}
		return 0
	}
	const short, long, compressed = 6, 10, 1
	size := short
	if len(head) > 1 && head[1]&compressed != 0 {
		size = long
	}
	if len(head) < size {
		return 0
	}
	return size + int(binary.BigEndian.Uint32(head[2:]))
}

// Of the histories make test takes one in so many, and of their frames one in so
// many; all of them, of histories up to that length, where SMD_APPLET_HISTORIES
// says one.
const shortOneIn, shortSample = 4, 5

// TestShortHistories has each short history of two ends be synced over a line that
// is cut after each frame, in each direction.
func TestShortHistories(t *testing.T) {
	t.Parallel()
	most, nth := 2, shortSample
	if n, err := strconv.Atoi(os.Getenv("SMD_APPLET_HISTORIES")); err == nil {
		most, nth = n, 1
	}
	start := newPair(t)
	for range 3 {
		if _, err := start.side.box.Deliver(".a"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := start.side.box.Deliver("."); err != nil {
		t.Fatal(err)
	}
	start.mustSync()
	var cuts atomic.Int64
	type numbered struct {
		n     int
		deeds []synctest.Deed
	}
	histories := make(chan numbered)
	var workers stdsync.WaitGroup
	for range 4 { // a sync waits for its other end
		workers.Go(func() {
			for h := range histories {
				s := &short{start: start, t: t, deeds: h.deeds}
				for written := range 2 {
					for n := h.n % nth; s.cut(written == 1, n); n += nth {
						cuts.Add(1)
					}
				}
			}
		})
	}
	sequences := 0
	for deeds := range synctest.ShortHistories(most) {
		if t.Failed() {
			break
		}
		if sequences++; nth > 1 && sequences%shortOneIn > 0 {
			continue
		}
		histories <- numbered{sequences, deeds}
	}
	close(histories)
	workers.Wait()
	t.Attr("cases", fmt.Sprint(cuts.Load()))
	t.Logf("%d histories, cut at %d frames", sequences, cuts.Load())
}

// short is a history.
type short struct {
	start *pair
	t     *testing.T
	deeds []synctest.Deed
}

// cut makes the history, has its sync be cut after n frames of a direction, and
// syncs again. It reports whether the sync had so many.
func (s *short) cut(written bool, n int) bool {
	p := &pair{t: s.t, opt: s.start.opt}
	for i, from := range []*side{s.start.client, s.start.side} {
		home, err := os.MkdirTemp(filepath.Dir(s.start.client.home), "smd-short-")
		if err != nil {
			s.t.Error(err)
			return false
		}
		defer os.RemoveAll(home)
		if err := os.CopyFS(home, os.DirFS(from.home)); err != nil {
			s.t.Error(err)
			return false
		}
		one := &side{t: s.t, home: home, log: from.log, box: synctest.OpenMailbox(filepath.Join(home, "Mail"), fmt.Sprint("end", i))}
		if i == 0 {
			p.client = one
		} else {
			p.side = one
		}
	}
	account, err := synctest.OpenAccount(p.client.box)
	for _, d := range s.deeds {
		if err == nil {
			err = account.Do([]*synctest.Mailbox{p.client.box, p.side.box}[d.End], d)
		}
	}
	if err != nil {
		s.t.Errorf("%v: %v", s.deeds, err)
		return false
	}
	cut, first := p.cutSync(n, written)
	where := fmt.Sprintf("%v, cut after %d frames (written %t): %v", s.deeds, n, written, first)
	if first != nil && !cut {
		s.t.Errorf("%s, without a cut", where)
	}
	if res, err := p.sync(); err != nil || res.Again {
		s.t.Errorf("%s, then %v, %+v", where, err, res)
		return false
	}
	here, there := p.client.census(), p.side.census()
	if d := synctest.DiffNames(here, there); d != "" {
		s.t.Errorf("%s: the two ends differ: %s", where, d)
	}
	if wrong := account.Check(here); wrong != "" {
		s.t.Errorf("%s: %s", where, wrong)
	}
	return cut && !s.t.Failed()
}
