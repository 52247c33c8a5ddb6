package tracker_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"smd-applet/sync/agreed"
	"smd-applet/sync/maildir"
	"smd-applet/sync/reconcile"
	"smd-applet/sync/synctest"
	"smd-applet/sync/tracker"
	"smd-applet/sync/translate"
)

// end is one end whose state agrees with its mailbox.
type end struct {
	t     *testing.T
	box   *synctest.Mailbox
	store *maildir.Store
	db    *agreed.DB
	*tracker.Tracker
}

func newEnd(t *testing.T, excluded func(string) bool) *end {
	t.Helper()
	home := t.TempDir()
	e := &end{t: t, box: synctest.OpenMailbox(filepath.Join(home, "Mail"), "host")}
	for _, folder := range []string{".", ".work", ".private"} {
		e.must(e.box.AddFolder(folder))
	}
	var err error
	e.store, err = maildir.Open(home, []maildir.Box{{Local: "Mail", Remote: "Mail"}}, translate.Identity(), false)
	e.must(err)
	e.db, err = agreed.Open(filepath.Join(home, "state"))
	e.must(err)
	t.Cleanup(func() {
		e.must(e.db.Close())
		e.must(e.store.Close())
	})
	e.Tracker = tracker.New(tracker.Options{Store: e.store, DB: e.db, Excluded: excluded})
	return e
}

func (e *end) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

func (e *end) deliver(folder, content string) string {
	e.t.Helper()
	m, err := e.box.DeliverContent(folder, []byte(content))
	e.must(err)
	return m
}

func (e *end) changes() []reconcile.Change {
	return slices.Collect(e.Each)
}

// settle agrees on all that is new, as if the other end had it too.
func (e *end) settle() {
	e.t.Helper()
	s := tracker.Settled{}
	s.Folders, s.NoFolders = e.Folders()
	for _, c := range e.changes() {
		if c.Kind == reconcile.Gone || c.Kind == reconcile.Moved {
			s.Drop = append(s.Drop, c.Key)
		}
		if c.Kind == reconcile.Gone {
			continue
		}
		sum := c.Sum
		if sum == agreed.Unread {
			sums, err := e.Read(context.Background(), c.Place().Folder, []string{c.Place().Unique})
			e.must(err)
			sum = sums[0]
		}
		s.Entries = append(s.Entries, agreed.Entry{Key: c.Place(), Mark: c.Mark, Sum: sum, Size: c.Size})
	}
	e.must(e.db.Update(func(tx *agreed.Tx) error { return e.Settle(tx, s) }))
}

// TestChanges has something done to a mailbox that was agreed on, and tells what
// the tracker makes of it: by a look at everything, and by one at what was touched.
func TestChanges(t *testing.T) {
	t.Parallel()
	const content = "Subject: one\n\nbody\n"
	renamed := func(to string, err error) func(e *end, m string) []string {
		return func(e *end, m string) []string {
			e.must(err)
			return []string{m, to}
		}
	}
	tests := []struct {
		name string
		do   func(e *end, m string) (touched []string)
		want []reconcile.Kind
	}{
		{"nothing", func(*end, string) []string { return nil }, nil},
		{"a new message", func(e *end, _ string) []string { return []string{e.deliver(".work", "Subject: two\n\n")} }, []reconcile.Kind{reconcile.New}},
		{"flags", func(e *end, m string) []string {
			to, err := e.box.Flag(m, "FS")
			return renamed(to, err)(e, m)
		}, []reconcile.Kind{reconcile.Marked}},
		{"a move", func(e *end, m string) []string {
			to, err := e.box.Move(m, ".private")
			return renamed(to, err)(e, m)
		}, []reconcile.Kind{reconcile.Moved}},
		{"a move under a fresh name", func(e *end, m string) []string {
			to, err := e.box.Refile(m, ".private")
			return renamed(to, err)(e, m)
		}, []reconcile.Kind{reconcile.Moved}},
		{"a copy", func(e *end, m string) []string {
			to, err := e.box.Copy(m, ".private")
			return renamed(to, err)(e, m)
		}, []reconcile.Kind{reconcile.New}},
		{"an edit", func(e *end, m string) []string {
			to, err := e.box.EditBody(m, "another body\n")
			return renamed(to, err)(e, m)
		}, []reconcile.Kind{reconcile.Edited}},
		{"a deletion", func(e *end, m string) []string {
			e.must(e.box.Delete(m))
			return []string{m}
		}, []reconcile.Kind{reconcile.Gone}},
		{"a message that lost its content", func(e *end, m string) []string {
			e.must(os.Truncate(e.box.Path(m), 0))
			return []string{m}
		}, []reconcile.Kind{reconcile.Damaged}},
		{"the same content written again", func(e *end, m string) []string {
			e.must(os.WriteFile(e.box.Path(m), []byte(content), 0o600))
			return []string{m}
		}, nil},
		{"an empty file", func(e *end, _ string) []string {
			e.must(os.WriteFile(e.box.Path(".work/cur/1.none"), nil, 0o600))
			return []string{".work/cur/1.none"}
		}, nil},
	}
	for _, test := range tests {
		for _, all := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, everything %t", test.name, all), func(t *testing.T) {
				t.Parallel()
				e := newEnd(t, nil)
				m := e.deliver(".work", content)
				e.must(e.Refresh(context.Background(), true))
				e.settle()
				if left := e.changes(); len(left) > 0 || e.Count() > 0 {
					t.Fatalf("after the agreement there is to tell: %v", left)
				}
				for _, path := range test.do(e, m) {
					e.Touch("Mail/" + path)
				}
				e.must(e.Refresh(context.Background(), all))
				var kinds []reconcile.Kind
				for _, c := range e.changes() {
					kinds = append(kinds, c.Kind)
				}
				if !slices.Equal(kinds, test.want) {
					t.Fatalf("told of %v, want %v", kinds, test.want)
				}
				if slices.Contains(kinds, reconcile.Damaged) {
					return // never agreed on as it is
				}
				e.settle()
				e.must(e.Refresh(context.Background(), true))
				if left := e.changes(); len(left) > 0 {
					t.Errorf("after the second agreement there is to tell: %v", left)
				}
			})
		}
	}
}

// A message that moved is told of as moved, whichever of its two folders is looked
// at anew: by a look at the whole of it, or at the message.
func TestMovedStaysMoved(t *testing.T) {
	t.Parallel()
	for name, touch := range map[string]func(e *end, from, to string){
		"the folder it left":     func(e *end, _, _ string) { e.TouchFolder("Mail/.work") },
		"the folder it came to":  func(e *end, _, _ string) { e.TouchFolder("Mail/.private") },
		"where it was":           func(e *end, from, _ string) { e.Touch("Mail/" + from) },
		"where it is":            func(e *end, _, to string) { e.Touch("Mail/" + to) },
		"everything":             func(e *end, _, _ string) { e.TouchAll() },
		"both folders":           func(e *end, _, _ string) { e.TouchFolder("Mail/.private"); e.TouchFolder("Mail/.work") },
		"the folder, and a name": func(e *end, from, _ string) { e.TouchFolder("Mail/.private"); e.Touch("Mail/" + from) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnd(t, nil)
			m := e.deliver(".work", "Subject: one\n\n")
			e.must(e.Refresh(context.Background(), true))
			e.settle()
			to, err := e.box.Refile(m, ".private")
			e.must(err)
			e.must(e.Refresh(context.Background(), true))
			for range 2 {
				touch(e, m, to)
				e.must(e.Refresh(context.Background(), false))
				if got := e.changes(); len(got) != 1 || got[0].Kind != reconcile.Moved {
					t.Fatalf("told of %v, want one move", got)
				}
			}
		})
	}
}

// What a run paired and could not bring to an end is found again by the next.
func TestSameIsFoundInEachRun(t *testing.T) {
	t.Parallel()
	e := newEnd(t, nil)
	e.deliver(".work", "Subject: one\n\n")
	for run := range 2 {
		e.must(e.Refresh(context.Background(), false))
		sums, err := e.Read(context.Background(), "Mail/.work", []string{e.changes()[0].Key.Unique})
		e.must(err)
		c, err := e.Same(context.Background(), "Mail/.work", sums[0], func(reconcile.Change) (bool, error) { return true, nil })
		e.must(err)
		if c == nil {
			t.Fatalf("run %d does not find the message", run)
		}
	}
}

// An excluded folder has nothing to tell, and what was agreed on in it is not gone.
func TestExcludedIsNotGone(t *testing.T) {
	t.Parallel()
	exclude := false
	e := newEnd(t, func(local string) bool { return exclude && local == "Mail/.private" })
	e.deliver(".private", "Subject: one\n\n")
	e.must(e.Refresh(context.Background(), true))
	e.settle()
	exclude = true
	e.deliver(".private", "Subject: two\n\n")
	e.must(e.Refresh(context.Background(), true))
	if left := e.changes(); len(left) > 0 {
		t.Errorf("of an excluded folder is told: %v", left)
	}
}

// Messages that share a unique name are told apart, also when one of them is known and
// nobody tells of it.
func TestSplitDoubles(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]func(e *end){
		"neither is known":     func(*end) {},
		"one is agreed on":     func(e *end) { e.must(e.Refresh(context.Background(), true)); e.settle() },
		"one has been told of": func(e *end) { e.must(e.Refresh(context.Background(), true)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnd(t, nil)
			e.must(os.WriteFile(e.box.Path("cur/1.x:2,S"), []byte("Subject: one\n\n"), 0o600))
			known(e)
			e.must(os.WriteFile(e.box.Path("new/1.x"), []byte("Subject: two\n\n"), 0o600))
			e.Touch("Mail/new/1.x")
			e.must(e.Refresh(context.Background(), false))
			e.must(e.SplitDoubles(context.Background()))
			e.settle()
			found := 0
			e.must(e.db.View(func(tx *agreed.Tx) error { found = tx.Len(); return nil }))
			if found != 2 {
				t.Errorf("%d messages are agreed on, want both", found)
			}
		})
	}
}

// A folder that is gone is told of with its messages, last.
func TestVanishedFolder(t *testing.T) {
	t.Parallel()
	e := newEnd(t, nil)
	e.deliver(".work", "Subject: one\n\n")
	e.deliver(".work", "Subject: two\n\n")
	e.must(e.Refresh(context.Background(), true))
	e.settle()
	e.must(e.box.RemoveFolder(".work"))
	e.deliver(".", "Subject: three\n\n")
	e.must(e.Refresh(context.Background(), true))
	made, vanished := e.Folders()
	if len(made) > 0 || !slices.Equal(vanished, []string{"Mail/.work"}) {
		t.Errorf("made %v, vanished %v", made, vanished)
	}
	var kinds []reconcile.Kind
	for _, c := range e.changes() {
		kinds = append(kinds, c.Kind)
	}
	if !slices.Equal(kinds, []reconcile.Kind{reconcile.New, reconcile.Gone, reconcile.Gone}) {
		t.Errorf("told of %v", kinds)
	}
	losses, err := e.Losses()
	e.must(err)
	want := tracker.Loss{Folder: "Mail/.work", Total: 2, Gone: 2, Vanished: true}
	if len(losses) != 1 || losses[0] != want {
		t.Errorf("losses %+v, want %+v", losses, want)
	}
}

// TestReadAfterARename reads a new message that a person renamed since the look: in
// its folder it is found; where it left that, it is told that something went.
func TestReadAfterARename(t *testing.T) {
	t.Parallel()
	e := newEnd(t, nil)
	content := "Subject: a\n\nb\n"
	message := e.deliver(".work", content)
	e.must(e.Refresh(t.Context(), true))
	found := e.changes()
	if len(found) != 1 {
		t.Fatalf("%v, want one new message", found)
	}
	k := found[0].Key
	flagged, err := e.box.Flag(message, "S")
	e.must(err)
	read := func() agreed.Sum {
		t.Helper()
		sums, err := e.Read(t.Context(), k.Folder, []string{k.Unique})
		e.must(err)
		return sums[0]
	}
	if read() == agreed.Unread {
		t.Error("the flagged message was not found")
	}
	if c := e.At(k); c == nil || c.Mark.Flags() != "S" {
		t.Errorf("it is told of as %+v, want it with its flag", c)
	}

	e.must(e.Refresh(t.Context(), true))
	_, err = e.box.Move(flagged, ".private")
	e.must(err)
	if sum := read(); sum != agreed.Unread || e.At(k) != nil {
		t.Errorf("the message that left its folder was read: %v", sum)
	}
	size := int64(len(content))
	if !e.Went(size) || e.Went(size+1) {
		t.Error("it is not told what went")
	}
	if e.Begin(); e.Went(size) {
		t.Error("the next run is told of what went before it")
	}
}
