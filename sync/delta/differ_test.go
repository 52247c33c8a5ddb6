package delta_test

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/delta"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
)

// sum is the content of a message with the given header and body.
func sum(header, body string) maildir.Sum {
	return maildir.Sum{Header: sha1.Sum([]byte(header)), Body: sha1.Sum([]byte(body))}
}

// state is a mailbox in memory, by remote name.
type state map[string]maildir.Sum

// diff does what a server does: it compares the agreed state with what a scan
// found, in the order of names.
func diff(t interface{ Fatal(...any) }, old *index.Index, now state, names []string, opt delta.Options) []delta.Action {
	gone := make([]bool, old.Len())
	for i := range gone {
		_, there := now[old.At(i).Name]
		gone[i] = !there
	}
	d := delta.NewDiffer(old, gone, opt)
	var actions []delta.Action
	for _, name := range names {
		if _, known := old.Find(name); !known {
			actions = append(actions, d.Fresh(name, now[name]))
		}
	}
	for _, name := range names {
		if i, known := old.Find(name); known {
			if a, changed := d.Changed(i, now[name]); changed {
				actions = append(actions, a)
			}
		}
	}
	err := d.Deletes(func(a delta.Action) error {
		actions = append(actions, a)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return actions
}

// apply does what a client whose mailbox is in the agreed state does with an
// action (smd 1.3, spec §5), and complains where it would have to fall back.
func (s state) apply(a delta.Action) error {
	was, there := s[a.Dst]
	src, srcThere := s[a.Src]
	switch a.Kind {
	case delta.Add, delta.Copy, delta.Move, delta.CopyBody:
		if there {
			return fmt.Errorf("%s: %s is there already", a.Kind, a.Dst)
		}
		if a.Kind != delta.Add && !srcThere {
			return fmt.Errorf("%s: %s is not there", a.Kind, a.Src)
		}
	default:
		if !there || was != a.Was {
			return fmt.Errorf("%s: %s is not what it should be", a.Kind, a.Dst)
		}
	}
	switch a.Kind {
	case delta.Copy, delta.Move:
		if src != a.Sum {
			return fmt.Errorf("%s: %s has other content", a.Kind, a.Src)
		}
		if a.Kind == delta.Move {
			delete(s, a.Src)
		}
	case delta.CopyBody:
		if src.Body != a.Was.Body || src.Body != a.Sum.Body || a.Was.Header != (maildir.Digest{}) {
			return fmt.Errorf("%s: %s has another body", a.Kind, a.Src)
		}
	case delta.Delete:
		if a.Sum != (maildir.Sum{}) {
			return fmt.Errorf("%s: %s has a sum after it", a.Kind, a.Dst)
		}
		delete(s, a.Dst)
		return nil
	case delta.ReplaceHeader:
		if a.Was.Body != a.Sum.Body || a.Was == a.Sum {
			return fmt.Errorf("%s: the body of %s changed, or nothing did", a.Kind, a.Dst)
		}
	case delta.Replace:
		if a.Was.Body == a.Sum.Body {
			return fmt.Errorf("%s: the body of %s did not change", a.Kind, a.Dst)
		}
	}
	s[a.Dst] = a.Sum
	return nil
}

func (s state) index(names []string) *index.Index {
	old := index.New()
	for _, name := range names {
		old.Add(index.Entry{Name: name, Sum: s[name]})
	}
	return old
}

func sortedNames(s state) []string { return slices.Sorted(maps.Keys(s)) }

// Each case is what a person did to a mailbox of three messages, and the line a
// server says for it by the table of smd 1.3, spec §5.
func TestActions(t *testing.T) {
	t.Parallel()
	const one, two, twin = "Mail/a/cur/1:2,", "Mail/a/new/2", "Mail/b/cur/3:2,"
	had := state{one: sum("h1", "b1"), two: sum("h2", "b2"), twin: sum("h1", "b1")} // one and its copy
	for name, c := range map[string]struct {
		gone []string
		put  state
		opt  delta.Options
		want []delta.Action
	}{
		"nothing":   {nil, nil, delta.Options{}, nil},
		"a new one": {nil, state{"Mail/a/new/9": sum("h9", "b9")}, delta.Options{}, []delta.Action{{Kind: delta.Add, Dst: "Mail/a/new/9", Sum: sum("h9", "b9")}}},
		"only the header is known": {nil, state{"Mail/a/new/9": sum("h2", "b9")}, delta.Options{}, []delta.Action{
			{Kind: delta.Add, Dst: "Mail/a/new/9", Sum: sum("h2", "b9")},
		}},
		"a copy": {nil, state{"Mail/b/cur/9": sum("h2", "b2")}, delta.Options{}, []delta.Action{
			{Kind: delta.Copy, Src: two, Dst: "Mail/b/cur/9", Sum: sum("h2", "b2")},
		}},
		"read": {[]string{two}, state{"Mail/a/cur/2:2,S": sum("h2", "b2")}, delta.Options{}, []delta.Action{
			{Kind: delta.Move, Src: two, Dst: "Mail/a/cur/2:2,S", Sum: sum("h2", "b2")},
		}},
		"read, without MOVE": {[]string{two}, state{"Mail/a/cur/2:2,S": sum("h2", "b2")}, delta.Options{NoMove: true}, []delta.Action{
			{Kind: delta.Copy, Src: two, Dst: "Mail/a/cur/2:2,S", Sum: sum("h2", "b2")},
			{Kind: delta.Delete, Dst: two, Was: sum("h2", "b2")},
		}},
		"moved, and a copy made": {[]string{two}, state{"Mail/b/new/2": sum("h2", "b2"), "Mail/c/cur/9": sum("h2", "b2")}, delta.Options{}, []delta.Action{
			{Kind: delta.Move, Src: two, Dst: "Mail/b/new/2", Sum: sum("h2", "b2")},
			{Kind: delta.Add, Dst: "Mail/c/cur/9", Sum: sum("h2", "b2")},
		}},
		// Of two with the content the one that is gone moved, not its copy.
		"moved, a copy stays": {[]string{twin}, state{"Mail/c/cur/9": sum("h1", "b1")}, delta.Options{}, []delta.Action{
			{Kind: delta.Move, Src: twin, Dst: "Mail/c/cur/9", Sum: sum("h1", "b1")},
		}},
		"both copies read": {[]string{one, twin}, state{"Mail/a/cur/1:2,S": sum("h1", "b1"), "Mail/b/cur/3:2,F": sum("h1", "b1")}, delta.Options{}, []delta.Action{
			{Kind: delta.Move, Src: one, Dst: "Mail/a/cur/1:2,S", Sum: sum("h1", "b1")},
			{Kind: delta.Move, Src: twin, Dst: "Mail/b/cur/3:2,F", Sum: sum("h1", "b1")},
		}},
		"both copies moved to one folder": {[]string{one, twin}, state{"Mail/c/cur/1:2,": sum("h1", "b1"), "Mail/c/cur/3:2,": sum("h1", "b1")}, delta.Options{}, []delta.Action{
			{Kind: delta.Move, Src: one, Dst: "Mail/c/cur/1:2,", Sum: sum("h1", "b1")},
			{Kind: delta.Move, Src: twin, Dst: "Mail/c/cur/3:2,", Sum: sum("h1", "b1")},
		}},
		"one of two copies deleted": {[]string{twin}, nil, delta.Options{}, []delta.Action{{Kind: delta.Delete, Dst: twin, Was: sum("h1", "b1")}}},
		"deleted":                   {[]string{two}, nil, delta.Options{}, []delta.Action{{Kind: delta.Delete, Dst: two, Was: sum("h2", "b2")}}},
		"a new header": {nil, state{two: sum("h9", "b2")}, delta.Options{}, []delta.Action{
			{Kind: delta.ReplaceHeader, Dst: two, Was: sum("h2", "b2"), Sum: sum("h9", "b2")},
		}},
		"a new body": {nil, state{two: sum("h2", "b9")}, delta.Options{}, []delta.Action{
			{Kind: delta.Replace, Dst: two, Was: sum("h2", "b2"), Sum: sum("h2", "b9")},
		}},
		"a new header and body, both known": {nil, state{two: sum("h1", "b1")}, delta.Options{}, []delta.Action{
			{Kind: delta.Replace, Dst: two, Was: sum("h2", "b2"), Sum: sum("h1", "b1")},
		}},
		"moved and given a new header": {[]string{two}, state{"Mail/b/cur/2:2,": sum("h9", "b2")}, delta.Options{}, []delta.Action{
			{Kind: delta.CopyBody, Src: two, Dst: "Mail/b/cur/2:2,", Was: maildir.Sum{Body: sum("", "b2").Body}, Sum: sum("h9", "b2")},
			{Kind: delta.Delete, Dst: two, Was: sum("h2", "b2")},
		}},
		"all gone": {[]string{one, two, twin}, nil, delta.Options{}, []delta.Action{
			{Kind: delta.Delete, Dst: one, Was: sum("h1", "b1")},
			{Kind: delta.Delete, Dst: two, Was: sum("h2", "b2")},
			{Kind: delta.Delete, Dst: twin, Was: sum("h1", "b1")},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := maps.Clone(had)
			for _, n := range c.gone {
				delete(now, n)
			}
			maps.Copy(now, c.put)
			got := diff(t, had.index([]string{one, two, twin}), now, sortedNames(now), c.opt)
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, c.want)
			}
		})
	}
}

// Of gone messages with the content, the one that kept its name is the one that
// moved: its flags and folder are merged with what the other end did to it.
func TestMovedIsTheSameMessage(t *testing.T) {
	t.Parallel()
	const a, b, other = "Mail/a/cur/1:2,", "Mail/b/cur/1:2,", "Mail/b/cur/2:2,"
	content := sum("h", "b")
	had := state{a: content, b: content, other: content}
	for fresh, src := range map[string]string{
		"Mail/a/cur/1:2,S": a, "Mail/b/cur/1:2,S": b, "Mail/b/cur/2:2,S": other, "Mail/c/cur/2:2,": other, "Mail/b/new/1": b,
	} {
		for _, order := range [][]string{{a, b, other}, {other, b, a}, {b, other, a}} {
			got := diff(t, had.index(order), state{fresh: content}, []string{fresh}, delta.Options{})
			if want := (delta.Action{Kind: delta.Move, Src: src, Dst: fresh, Sum: content}); len(got) != 3 || got[0] != want {
				t.Errorf("%s with the db-file %q: %+v, want first %+v, then two deletions", fresh, order, got, want)
			}
		}
	}
}

// change makes one change a mail program or a person makes.
func change(t *rapid.T, now state, next func() string) {
	names := sortedNames(now)
	kind := "add"
	if len(names) > 0 {
		kind = rapid.SampledFrom([]string{"add", "move", "flag", "copy", "delete", "header", "body", "swap"}).Draw(t, "change")
	}
	if kind == "add" {
		now[next()] = drawSum(t)
		return
	}
	name := rapid.SampledFrom(names).Draw(t, "message")
	was := now[name]
	switch kind {
	case "move":
		delete(now, name)
		now[next()] = was
	case "flag": // also what moves a message from new to cur, and back to a name it had
		n, err := maildir.ParseName(name)
		if err != nil {
			t.Fatal(err)
		}
		delete(now, name)
		n.Sub, n.File = "cur", maildir.JoinFlags(n.Unique(), rapid.SampledFrom([]string{"", "S", "FS"}).Draw(t, "flags"))
		now[n.String()] = was
	case "copy":
		now[next()] = was
	case "delete":
		delete(now, name)
	case "header":
		was.Header = drawSum(t).Header
		now[name] = was
	case "body":
		was.Body = drawSum(t).Body
		now[name] = was
	case "swap":
		other := rapid.SampledFrom(names).Draw(t, "other")
		now[name], now[other] = now[other], was
	}
}

// drawSum draws from few contents, so that copies and shared bodies abound.
func drawSum(t *rapid.T) maildir.Sum {
	return sum(rapid.StringMatching(`h[1-4]`).Draw(t, "header"), rapid.StringMatching(`b[1-4]`).Draw(t, "body"))
}

// Applying the actions, in their order, to the agreed state gives what the scan
// found.
func TestActionsLeadToTheNewState(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := 0
		next := func() string { // a name never used before
			number++
			folder := rapid.SampledFrom([]string{"Mail", "Mail/.work", "Mail/.old stuff"}).Draw(t, "folder")
			place := rapid.SampledFrom([]string{"new/%d.host", "cur/%d.host:2,", "cur/%d.host:2,S"}).Draw(t, "place")
			return folder + "/" + fmt.Sprintf(place, number)
		}
		had := make(state)
		for range rapid.IntRange(0, 10).Draw(t, "messages") {
			had[next()] = drawSum(t)
		}
		now := maps.Clone(had)
		for range rapid.IntRange(0, 12).Draw(t, "changes") {
			change(t, now, next)
		}
		opt := delta.Options{NoMove: rapid.Bool().Draw(t, "no move")}
		old := had.index(rapid.Permutation(sortedNames(had)).Draw(t, "order of the db-file"))
		actions := diff(t, old, now, rapid.Permutation(sortedNames(now)).Draw(t, "order found"), opt)

		got, moved := maps.Clone(had), make(map[string]bool)
		deleting := false
		for _, a := range actions {
			if err := got.apply(a); err != nil {
				t.Fatalf("%v, in %+v", err, actions)
			}
			_, srcStays := now[a.Src]
			switch a.Kind {
			case delta.Move:
				moved[a.Src] = true
				if srcStays || opt.NoMove {
					t.Errorf("a copy is told as %+v", a)
				}
			case delta.Copy:
				if !srcStays && !opt.NoMove {
					t.Errorf("a move is told as %+v", a)
				}
			case delta.Add:
				for name, s := range had {
					if s.Body == a.Sum.Body && !moved[name] {
						t.Errorf("%s has the body of %+v", name, a)
					}
				}
			}
			// Deletions come last (smd 1.3, spec §5).
			if deleting && a.Kind != delta.Delete {
				t.Errorf("%+v after a deletion", a)
			}
			deleting = a.Kind == delta.Delete
		}
		if !maps.Equal(got, now) {
			t.Errorf("got %v, want %v", got, now)
		}
		if maps.Equal(had, now) && len(actions) > 0 {
			t.Errorf("nothing changed, but %+v", actions)
		}
	})
}

// An emit that fails ends the deletions.
func TestDeletesStops(t *testing.T) {
	t.Parallel()
	had := state{"Mail/cur/1": sum("h", "b"), "Mail/cur/2": sum("h", "b")}
	d := delta.NewDiffer(had.index(sortedNames(had)), []bool{true, true}, delta.Options{})
	n := 0
	cut := errors.New("the link was cut")
	if err := d.Deletes(func(delta.Action) error { n++; return cut }); !errors.Is(err, cut) || n != 1 {
		t.Errorf("%v after %d", err, n)
	}
}
