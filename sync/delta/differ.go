package delta

import (
	"bytes"
	"slices"
	"sort"

	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
)

// Differ turns what a scan found into actions. It is pure: the caller reads the
// messages and hands over their sums, in the order found.
type Differ struct {
	old    *index.Index
	noMove bool
	gone   []bool  // by entry: its name is no longer there
	moved  []bool  // by entry: a MOVE took it
	byBody []int32 // entries, by body digest; built when first needed
}

// Options of a [Differ].
type Options struct {
	// NoMove sends COPY and DELETE in place of MOVE (smd 1.3 --no-move).
	NoMove bool
}

// NewDiffer returns a Differ against the agreed state old; gone marks its
// entries whose names are no longer there, and which are not held back.
func NewDiffer(old *index.Index, gone []bool, opt Options) *Differ {
	return &Differ{old: old, gone: gone, moved: make([]bool, old.Len()), noMove: opt.NoMove}
}

// Fresh returns the action for a message under a name the agreed state lacks.
func (d *Differ) Fresh(name string, sum maildir.Sum) Action {
	if i := d.source(name, sum); i >= 0 {
		a := Action{Kind: Copy, Src: d.old.At(i).Name, Dst: name, Sum: sum}
		if d.gone[i] && !d.moved[i] && !d.noMove {
			a.Kind = Move
			d.moved[i] = true
		}
		return a
	}
	if i := d.bodySource(sum.Body); i >= 0 {
		return Action{Kind: CopyBody, Src: d.old.At(i).Name, Dst: name, Was: maildir.Sum{Body: sum.Body}, Sum: sum}
	}
	return Action{Kind: Add, Dst: name, Sum: sum}
}

// source returns the known entry with the content of a new message that serves
// best, or -1: one that is gone makes a move, and of those the one with the same
// unique name is the message itself.
func (d *Differ) source(name string, sum maildir.Sum) int {
	const (
		none = iota
		there
		gone
		goneSameUnique
		goneSameMessage
	)
	best, found := none, -1
	to, _ := maildir.ParseName(name)
	for _, i := range d.withBody(sum.Body) {
		e := d.old.At(int(i))
		if e.Sum != sum || d.moved[i] {
			continue
		}
		rank := there
		if d.gone[i] {
			rank = gone
			if from, err := maildir.ParseName(e.Name); err == nil && from.Unique() == to.Unique() {
				rank = goneSameUnique
				if from.Folder == to.Folder {
					rank = goneSameMessage
				}
			}
		}
		if rank > best {
			best, found = rank, int(i)
		}
	}
	return found
}

func (d *Differ) bodySource(body maildir.Digest) int {
	found := -1
	for _, i := range d.withBody(body) {
		if d.moved[i] {
			continue // the other end has it elsewhere by then
		}
		found = int(i)
		if !d.gone[i] {
			break
		}
	}
	return found
}

// withBody returns the entries with a body.
func (d *Differ) withBody(body maildir.Digest) []int32 {
	if d.byBody == nil {
		d.byBody = make([]int32, d.old.Len())
		for i := range d.byBody {
			d.byBody[i] = int32(i)
		}
		slices.SortFunc(d.byBody, func(a, b int32) int {
			x, y := d.old.At(int(a)).Sum.Body, d.old.At(int(b)).Sum.Body
			return bytes.Compare(x[:], y[:])
		})
	}
	at := func(k int) maildir.Digest { return d.old.At(int(d.byBody[k])).Sum.Body }
	from := sort.Search(len(d.byBody), func(k int) bool {
		b := at(k)
		return bytes.Compare(b[:], body[:]) >= 0
	})
	to := from
	for to < len(d.byBody) && at(to) == body {
		to++
	}
	return d.byBody[from:to]
}

// Changed returns the action for a message whose name is known and whose content
// may have changed; ok is false when it did not.
func (d *Differ) Changed(entry int, sum maildir.Sum) (a Action, ok bool) {
	e := d.old.At(entry)
	switch {
	case e.Sum == sum:
		return Action{}, false
	case e.Sum.Body == sum.Body:
		return Action{Kind: ReplaceHeader, Dst: e.Name, Was: e.Sum, Sum: sum}, true
	default:
		return Action{Kind: Replace, Dst: e.Name, Was: e.Sum, Sum: sum}, true
	}
}

// Deletes calls emit for each message that is gone and was not moved.
func (d *Differ) Deletes(emit func(Action) error) error {
	for i, gone := range d.gone {
		if gone && !d.moved[i] {
			e := d.old.At(i)
			if err := emit(Action{Kind: Delete, Dst: e.Name, Was: e.Sum}); err != nil {
				return err
			}
		}
	}
	return nil
}
