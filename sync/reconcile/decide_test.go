package reconcile_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/agreed"
	"smd-applet/sync/maildir"
	"smd-applet/sync/reconcile"
)

// The message both ends agreed on, and what each may have done to it. A content is
// named by a letter: A is the one agreed on, H and T are what here and there made
// of it.
var (
	agreedKey = key("in", "1")
	seenMark  = mark("cur", "S")
	base      = reconcile.Known{Key: agreedKey, Mark: seenMark, Sum: sum('A'), Size: 'A'}
)

func key(folder, unique string) agreed.Key { return agreed.Key{Folder: folder, Unique: unique} }

func mark(sub, flags string) agreed.Mark {
	if sub == "new" {
		return agreed.Mark{Sub: sub}
	}
	return agreed.Mark{Sub: sub, Info: maildir.JoinFlags("", flags)}
}

func sum(letter byte) agreed.Sum {
	var s agreed.Sum
	s.Header[0], s.Body[0] = letter, letter
	return s
}

// kinds are the columns and rows of the table; "" leaves the message alone.
var kinds = []string{"", "gone", "moved", "marked", "edited", "damaged"}

// change is what one end did; here says which.
func change(kind string, here bool) *reconcile.Change {
	folder, flags, letter := "there", "FS", byte('T')
	if here {
		folder, flags, letter = "here", "RS", 'H'
	}
	c := reconcile.Change{Key: agreedKey, Mark: seenMark, Sum: base.Sum, Size: base.Size}
	switch kind {
	case "":
		return nil
	case "gone":
		return &reconcile.Change{Kind: reconcile.Gone, Key: agreedKey}
	case "moved":
		c.Kind, c.To = reconcile.Moved, key(folder, "1")
	case "marked":
		c.Kind, c.Mark = reconcile.Marked, mark("cur", flags)
	case "edited":
		c.Kind, c.Sum, c.Size = reconcile.Edited, sum(letter), int64(letter)
	case "damaged":
		c.Kind, c.Sum, c.Size = reconcile.Damaged, agreed.Unread, 0
	}
	return &c
}

// mailbox is an end as these tests see it: where each message lies, and its mark
// and content.
type mailbox map[agreed.Key]message

type message struct {
	mark agreed.Mark
	sum  agreed.Sum // unread: damaged
}

func (m mailbox) clone() mailbox {
	c := make(mailbox, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

// after is the mailbox of an end that made a change.
func after(c *reconcile.Change) mailbox {
	m := mailbox{agreedKey: {base.Mark, base.Sum}}
	if c == nil {
		return m
	}
	delete(m, agreedKey)
	if c.Kind != reconcile.Gone {
		m[c.Place()] = message{c.Mark, c.Sum}
	}
	return m
}

// apply carries ops out as an end does: an op that does not fit the mailbox, or
// has no content to take at the other end, is an error.
func (m mailbox) apply(ops []reconcile.Op, other mailbox) error {
	for _, op := range ops {
		if op.Kind != reconcile.Put {
			is, ok := m[op.Key]
			if !ok || is.mark != op.From || is.sum != op.Was {
				return fmt.Errorf("op %+v does not fit %v", op, m)
			}
			delete(m, op.Key)
		}
		switch op.Kind {
		case reconcile.Remove:
			continue
		case reconcile.Put, reconcile.Replace:
			if from, ok := other[op.To]; !ok || from != (message{op.Mark, op.Sum}) {
				return fmt.Errorf("op %+v has nothing to take from %v", op, other)
			}
			if op.Size == 0 {
				return fmt.Errorf("op %+v tells no size", op)
			}
		}
		if _, taken := m[op.To]; taken {
			return fmt.Errorf("op %+v finds its place taken in %v", op, m)
		}
		content := op.Sum
		if op.Kind == reconcile.Rename {
			content = op.Was
		}
		m[op.To] = message{op.Mark, content}
	}
	return nil
}

// carryOut applies a decision to both ends. Each takes content from where the
// other has it once its own renames are done, as package twoway does.
func carryOut(d reconcile.Decision, here, there mailbox) error {
	split := func(ops []reconcile.Op) (first, second []reconcile.Op) {
		for _, op := range ops {
			if op.Kind == reconcile.Rename || op.Kind == reconcile.Remove {
				first = append(first, op)
			} else {
				second = append(second, op)
			}
		}
		return first, second
	}
	hereFirst, hereSecond := split(d.Here)
	thereFirst, thereSecond := split(d.There)
	if err := here.apply(hereFirst, nil); err != nil {
		return fmt.Errorf("here: %w", err)
	}
	if err := there.apply(thereFirst, nil); err != nil {
		return fmt.Errorf("there: %w", err)
	}
	hereBefore := here.clone()
	if err := here.apply(hereSecond, there); err != nil {
		return fmt.Errorf("here: %w", err)
	}
	if err := there.apply(thereSecond, hereBefore); err != nil {
		return fmt.Errorf("there: %w", err)
	}
	return nil
}

// tell is a mailbox in a few words: "in/1 S A".
func (m mailbox) tell() string {
	var list []string
	for _, k := range []agreed.Key{agreedKey, key("here", "1"), key("there", "1"), key("in", "fresh"), key("here", "fresh"), key("there", "fresh")} {
		if is, ok := m[k]; ok {
			letter := "damaged"
			if is.sum != agreed.Unread {
				letter = string(is.sum.Body[0])
			}
			where := k.Folder + "/" + k.Unique
			list = append(list, strings.Join([]string{where, is.mark.Flags(), letter}, " "))
		}
	}
	if len(list) != len(m) {
		return fmt.Sprintf("messages at unexpected places: %v", map[agreed.Key]message(m))
	}
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

// TestExisting is the table of the conflict rules: what both ends have in the end,
// for every pair of what here (the rows) and there (the columns) did. "!" marks a
// conflict, and "as it is" a pair that is left alone.
func TestExisting(t *testing.T) {
	t.Parallel()
	table := map[string][]string{
		//          untouched       gone            moved there      marked FS       edited T                     damaged
		"":        {"in/1 S A", "nothing", "there/1 S A", "in/1 FS A", "in/1 S T", "in/1 S A"},
		"gone":    {"nothing", "nothing", "! there/1 S A", "! in/1 FS A", "! in/1 S T", "as it is"},
		"moved":   {"here/1 S A", "! here/1 S A", "there/1 S A", "here/1 FS A", "here/1 S T", "here/1 S A"},
		"marked":  {"in/1 RS A", "! in/1 RS A", "there/1 RS A", "in/1 FRS A", "in/1 RS T", "in/1 RS A"},
		"edited":  {"in/1 S H", "! in/1 S H", "there/1 S H", "in/1 FS H", "! in/1 S T, in/fresh S H", "in/1 S H"},
		"damaged": {"in/1 S A", "as it is", "there/1 S A", "in/1 FS A", "in/1 S T", "as it is"},
	}
	for _, here := range kinds {
		for col, there := range kinds {
			t.Run(fmt.Sprintf("here %s, there %s", here, there), func(t *testing.T) {
				t.Parallel()
				h, c := change(here, true), change(there, false)
				boxHere, boxThere := after(h), after(c)
				d := reconcile.Existing(base, h, c, func() string { return "fresh" })
				want, conflict := strings.CutPrefix(table[here][col], "! ")
				if d.Conflict != conflict {
					t.Errorf("conflict is %t, want %t", d.Conflict, conflict)
				}
				if want == "as it is" {
					if len(d.Here)+len(d.There)+len(d.Agree)+len(d.Drop) > 0 {
						t.Errorf("something is decided: %+v", d)
					}
					return
				}
				if err := carryOut(d, boxHere, boxThere); err != nil {
					t.Fatal(err)
				}
				if boxHere.tell() != want || boxThere.tell() != want {
					t.Errorf("here is %s, there is %s, want %s", boxHere.tell(), boxThere.tell(), want)
				}
				checkAgreed(t.Errorf, d, mailbox{agreedKey: {base.Mark, base.Sum}}, boxHere)
				if here == "" && there == "" && len(d.Here)+len(d.There) > 0 {
					t.Errorf("a message nobody touched is touched: %+v", d)
				}
			})
		}
	}
}

// checkAgreed holds what is agreed on after a decision against what is there.
func checkAgreed(errorf func(string, ...any), d reconcile.Decision, state, box mailbox) {
	for _, k := range d.Drop {
		delete(state, k)
	}
	for _, e := range d.Agree {
		state[e.Key] = message{e.Mark, e.Sum}
		if e.Size == 0 {
			errorf("%v is agreed on without its size", e.Key)
		}
	}
	for k, is := range box {
		if state[k] != is {
			errorf("%v is %v, agreed on as %v", k, is, state[k])
		}
	}
	if len(state) != len(box) {
		errorf("agreed on: %v, there is: %v", state, box)
	}
}

// TestNew is what becomes of messages the agreed state does not have.
func TestNew(t *testing.T) {
	t.Parallel()
	at := func(k agreed.Key, m agreed.Mark, letter byte) reconcile.Change {
		return reconcile.Change{Kind: reconcile.New, Key: k, Mark: m, Sum: sum(letter), Size: int64(letter)}
	}
	fresh := agreed.Mark{Sub: "new"}
	for _, c := range []struct {
		name        string
		here, there []reconcile.Change // at most one each
		want        string
		conflict    bool
	}{
		{"here alone", []reconcile.Change{at(agreedKey, fresh, 'H')}, nil, "in/1  H", false},
		{"there alone", nil, []reconcile.Change{at(agreedKey, seenMark, 'T')}, "in/1 S T", false},
		{"the same under one name", []reconcile.Change{at(agreedKey, fresh, 'A')}, []reconcile.Change{at(agreedKey, fresh, 'A')}, "in/1  A", false},
		{"the same, read and starred", []reconcile.Change{at(agreedKey, mark("cur", "S"), 'A')}, []reconcile.Change{at(agreedKey, mark("cur", "F"), 'A')}, "in/1 FS A", false},
		{"the same, read here", []reconcile.Change{at(agreedKey, mark("cur", "S"), 'A')}, []reconcile.Change{at(agreedKey, fresh, 'A')}, "in/1 S A", false},
		{"the same under two names", []reconcile.Change{at(key("in", "fresh"), fresh, 'A')}, []reconcile.Change{at(agreedKey, fresh, 'A')}, "in/1  A", false},
		{"two under one name", []reconcile.Change{at(agreedKey, mark("cur", "R"), 'H')}, []reconcile.Change{at(agreedKey, seenMark, 'T')}, "in/1 S T, in/fresh R H", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			here, there := mailbox{}, mailbox{}
			for _, m := range c.here {
				here[m.Key] = message{m.Mark, m.Sum}
			}
			for _, m := range c.there {
				there[m.Key] = message{m.Mark, m.Sum}
			}
			var d reconcile.Decision
			switch {
			case len(c.there) == 0:
				d = reconcile.OneNew(c.here[0], true)
			case len(c.here) == 0:
				d = reconcile.OneNew(c.there[0], false)
			default:
				d = reconcile.TwoNew(c.here[0], c.there[0], func() string { return "fresh" })
			}
			if err := carryOut(d, here, there); err != nil {
				t.Fatal(err)
			}
			if here.tell() != c.want || there.tell() != c.want {
				t.Errorf("here is %s, there is %s, want %s", here.tell(), there.tell(), c.want)
			}
			if d.Conflict != c.conflict {
				t.Errorf("conflict is %t, want %t", d.Conflict, c.conflict)
			}
			checkAgreed(t.Errorf, d, mailbox{}, here)
		})
	}
}

func TestMergeMarks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, base, here, there, want string }{
		{"nobody did anything", "new", "new", "new", "new"},
		{"read here", "new", "cur:2,S", "new", "cur:2,S"},
		{"read there", "new", "new", "cur:2,S", "cur:2,S"},
		{"seen by a mail program only", "new", "cur:2,", "new", "cur:2,"},
		{"moved to cur without a word of flags", "new", "new", "cur", "cur"},
		{"read here, starred there", "cur:2,", "cur:2,S", "cur:2,F", "cur:2,FS"},
		{"the same at both", "cur:2,", "cur:2,S", "cur:2,S", "cur:2,S"},
		{"a flag cleared here", "cur:2,FS", "cur:2,S", "cur:2,FS", "cur:2,S"},
		{"one cleared here, another there", "cur:2,FS", "cur:2,S", "cur:2,F", "cur:2,"},
		{"one cleared here, another set there", "cur:2,F", "cur:2,", "cur:2,FR", "cur:2,R"},
		{"made unread and new again here", "cur:2,S", "new", "cur:2,S", "new"},
		{"made new again here, starred there", "cur:2,S", "new", "cur:2,FS", "cur:2,F"},
		{"own spelling is kept", "cur:2,", "cur:2,SF", "cur:2,", "cur:2,SF"},
		{"keywords of Dovecot", "cur:2,S", "cur:2,Sa", "cur:2,Sb", "cur:2,Sab"},
		{"another info than flags stays", "new", "cur:1,x", "new", "cur:1,x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			parse := func(s string) agreed.Mark { return agreed.Mark{Sub: s[:3], Info: s[3:]} }
			if got := reconcile.MergeMarks(parse(c.base), parse(c.here), parse(c.there)); got != parse(c.want) {
				t.Errorf("got %s%s, want %s", got.Sub, got.Info, c.want)
			}
		})
	}
}

// TestDecisionsLoseNothing draws what both ends did at random: a decision makes
// the ends equal, agrees on what they have, and takes no content away that one
// end changed, or holds and the other did not delete.
func TestDecisionsLoseNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		draw := func(name string) *reconcile.Change {
			kind := rapid.SampledFrom(kinds).Draw(r, name)
			c := change(kind, rapid.Bool().Draw(r, name+": as here"))
			if c != nil && c.Kind != reconcile.Gone {
				c.Mark = mark("cur", strings.Join(rapid.SliceOfDistinct(rapid.SampledFrom([]string{"F", "R", "S", "T"}), rapid.ID).Draw(r, name+": flags"), ""))
			}
			return c
		}
		h, c := draw("here"), draw("there")
		here, there := after(h), after(c)
		must := make(map[agreed.Sum]bool)
		gone := func(c *reconcile.Change) bool { return c != nil && c.Kind == reconcile.Gone }
		for _, end := range []struct{ own, other *reconcile.Change }{{h, c}, {c, h}} {
			switch {
			case gone(end.own) || end.own != nil && end.own.Kind == reconcile.Damaged:
			case end.own == nil && (gone(end.other) || end.other != nil && end.other.Kind == reconcile.Edited):
			case end.own != nil && end.own.Kind != reconcile.Edited && end.other != nil && end.other.Kind == reconcile.Edited:
			case end.own == nil:
				must[base.Sum] = true
			default:
				must[end.own.Sum] = true
			}
		}
		d := reconcile.Existing(base, h, c, func() string { return "fresh" })
		if len(d.Here)+len(d.There)+len(d.Agree)+len(d.Drop) == 0 {
			if len(must) > 0 {
				r.Fatalf("nothing is decided where %v and %v have content", here, there)
			}
			return
		}
		if err := carryOut(d, here, there); err != nil {
			r.Fatal(err)
		}
		if here.tell() != there.tell() {
			r.Fatalf("here is %s, there is %s", here.tell(), there.tell())
		}
		for _, is := range here {
			delete(must, is.sum)
		}
		if len(must) > 0 {
			r.Fatalf("lost: %v; here is %s", must, here.tell())
		}
		checkAgreed(r.Errorf, d, mailbox{agreedKey: {base.Mark, base.Sum}}, here)
	})
}
