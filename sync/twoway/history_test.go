package twoway_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/synctest"
)

// history is what two people did to their two copies of a mailbox, and what may
// come of it: a content that nobody deleted or replaced is never lost, and none
// is there more often than people made copies of it.
type history struct {
	*pair
	r      *rapid.T
	number int
	mortal map[[sha256.Size]byte]bool
	copies map[[sha256.Size]byte]int
	known  map[[sha256.Size]byte]string
	log    []string
}

var historyFolders = []string{".", ".a", ".b", ".a.c"}

func (h *history) note(format string, args ...any) {
	h.log = append(h.log, fmt.Sprintf(format, args...))
}

// created takes note of a content that came into the world.
func (h *history) created(s *side, message string) {
	sum := h.sum(s, message)
	h.known[sum] = message
}

func (h *history) sum(s *side, message string) [sha256.Size]byte {
	b, err := os.ReadFile(s.box.Path(message))
	if err != nil {
		h.r.Fatal(err)
	}
	return sha256.Sum256(b)
}

// step does one thing at one end.
func (h *history) step(s *side, name string) {
	folder := rapid.SampledFrom(historyFolders).Draw(h.r, "folder")
	all, err := s.box.Messages("")
	if err != nil {
		h.r.Fatal(err)
	}
	what := rapid.SampledFrom([]string{
		"deliver", "deliver", "flag", "flag", "move", "refile", "copy", "edit header", "edit body", "delete", "add folder", "rename folder", "remove folder",
	}).Draw(h.r, "what")
	if len(all) == 0 && what != "add folder" {
		what = "deliver"
	}
	message := ""
	if len(all) > 0 {
		message = rapid.SampledFrom(all).Draw(h.r, "message")
	}
	h.note("%s: %s %s %s", name, what, message, folder)
	h.number++
	var made string
	switch what {
	case "deliver":
		made, err = s.box.DeliverContent(folder, fmt.Appendf(nil, "Subject: %d\n\nbody %d\n", h.number, h.number))
		if err == nil {
			h.created(s, made)
		}
	case "flag":
		flags := rapid.SampledFrom([]string{"", "S", "FS", "R", "T"}).Draw(h.r, "flags")
		h.note("  flags %q", flags)
		_, err = s.box.Flag(message, flags)
	case "move":
		if _, taken := os.Lstat(s.box.Path(filepath.Join(folder, strings.TrimPrefix(message, filepath.Dir(filepath.Dir(message)))))); taken == nil {
			return
		}
		_, err = s.box.Move(message, folder)
	case "refile":
		_, err = s.box.Refile(message, folder)
	case "copy":
		h.copies[h.sum(s, message)]++
		_, err = s.box.Copy(message, folder)
	case "edit header":
		h.mortal[h.sum(s, message)] = true
		made, err = s.box.EditHeader(message, "X-Edit", fmt.Sprint(h.number))
		if err == nil {
			h.created(s, made)
		}
	case "edit body":
		h.mortal[h.sum(s, message)] = true
		made, err = s.box.EditBody(message, fmt.Sprintf("edited %d\n", h.number))
		if err == nil {
			h.created(s, made)
		}
	case "delete":
		h.mortal[h.sum(s, message)] = true
		err = s.box.Delete(message)
	case "add folder":
		err = s.box.AddFolder(folder)
	case "rename folder":
		to := rapid.SampledFrom([]string{".b", ".d", ".e"}).Draw(h.r, "to")
		from := rapid.SampledFrom(historyFolders[1:]).Draw(h.r, "from")
		if _, missing := os.Lstat(s.box.Path(from)); missing != nil {
			return
		}
		if _, missing := os.Lstat(s.box.Path(to)); missing == nil || to == from {
			return
		}
		_, err = s.box.RenameFolder(from, to)
	case "remove folder":
		from := rapid.SampledFrom(historyFolders[1:]).Draw(h.r, "gone")
		for _, m := range all {
			if filepath.Dir(filepath.Dir(m)) == from {
				h.mortal[h.sum(s, m)] = true
			}
		}
		err = s.box.RemoveFolder(from)
	}
	if err != nil {
		h.r.Fatalf("%s: %v", what, err)
	}
}

// check holds the ends against the promises.
func (h *history) check() {
	here, there := h.client.census(), h.side.census()
	if d := synctest.DiffNames(here, there); d != "" {
		h.r.Fatalf("the two ends differ (client, server):\n%s\nafter\n%s", d, h.story())
	}
	for folder := range here {
		if _, ok := there[folder]; !ok {
			h.r.Fatalf("folder %s is at the client only, after\n%s", folder, h.story())
		}
	}
	for folder := range there {
		if _, ok := here[folder]; !ok {
			h.r.Fatalf("folder %s is at the server only, after\n%s", folder, h.story())
		}
	}
	counts := here.Contents()
	for sum, name := range h.known {
		n := counts[sum]
		if n == 0 && !h.mortal[sum] {
			h.r.Fatalf("%s (%x) is lost, after\n%s", name, sum[:4], h.story())
		}
		if n > 1+h.copies[sum] {
			h.r.Fatalf("%s is there %d times, copied %d times, after\n%s", name, n, h.copies[sum], h.story())
		}
	}
}

func newHistory(t testing.TB, r *rapid.T) *history {
	p := newPair(t)
	for _, s := range []*side{p.client, p.side} {
		if err := s.box.AddFolder("."); err != nil { // a mailbox without any folder is an unmounted one
			t.Fatal(err)
		}
	}
	return &history{
		pair: p, r: r, mortal: make(map[[sha256.Size]byte]bool), copies: make(map[[sha256.Size]byte]int),
		known: make(map[[sha256.Size]byte]string),
	}
}

// TestHistories lets people do anything at both ends, with syncs between.
func TestHistories(t *testing.T) {
	t.Parallel()
	for _, half := range []string{"first", "second"} { // side by side: a sync waits for its other end
		t.Run(half+" half", func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, anyHistory(t))
		})
	}
}

func anyHistory(t *testing.T) func(r *rapid.T) {
	return func(r *rapid.T) {
		h := newHistory(t, r)
		defer os.RemoveAll(h.client.home)
		defer os.RemoveAll(h.side.home)
		for range rapid.IntRange(1, 4).Draw(r, "syncs") {
			h.steps(6, nil)
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
	}
}
