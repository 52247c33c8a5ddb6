package reconcile

import (
	"smd-applet/sync/agreed"
	"smd-applet/sync/maildir"
)

// Decision is what each end has to do about one message, and what both have
// agreed on when that is done.
type Decision struct {
	Here, There []Op
	Agree       []agreed.Entry
	Drop        []agreed.Key // agreed keys that are no more
	// Conflict says that both ends changed the message in ways that do not
	// merge: it was kept though one end deleted it, or kept twice.
	Conflict bool
}

// Known is what both ends agreed on about a message.
type Known struct {
	Key  agreed.Key
	Mark agreed.Mark
	Sum  agreed.Sum
	Size int64
}

// Existing decides about a message of the agreed state; a nil change says that
// the end left it alone. fresh returns a unique name nobody else has.
func Existing(base Known, here, there *Change, fresh func() string) Decision {
	h, t := at(base, here), at(base, there)
	switch {
	case h.gone && t.gone:
		return Decision{Drop: []agreed.Key{base.Key}}
	case h.damaged && t.damaged:
		return Decision{} // nobody has it: a person's backup may
	case h.damaged:
		return mend(base, h, t, false)
	case t.damaged:
		return mend(base, t, h, true)
	case h.gone:
		return outlived(base, t, there != nil, false)
	case t.gone:
		return outlived(base, h, here != nil, true)
	}
	return both(base, h, t, fresh)
}

// state is a message at one end.
type state struct {
	gone, damaged, moved, edited bool
	key                          agreed.Key
	mark                         agreed.Mark
	sum                          agreed.Sum
	size                         int64
}

func at(base Known, c *Change) state {
	s := state{key: base.Key, mark: base.Mark, sum: base.Sum, size: base.Size}
	if c == nil {
		return s
	}
	switch c.Kind {
	case Gone:
		s.gone = true
	case Damaged:
		s.damaged, s.mark, s.sum = true, c.Mark, agreed.Unread
	case Moved:
		s.moved, s.key, s.mark = true, c.To, c.Mark
	case Marked:
		s.mark = c.Mark
	case Edited:
		s.edited, s.mark, s.sum, s.size = true, c.Mark, c.Sum, c.Size
	}
	return s
}

func (s state) entry(k agreed.Key, m agreed.Mark) agreed.Entry {
	return agreed.Entry{Key: k, Mark: m, Sum: s.sum, Size: s.size}
}

// sides puts the ops of two ends where they belong: mirrored says that the first
// of them is the other end.
func sides(d *Decision, mirrored bool) (this, other *[]Op) {
	if mirrored {
		return &d.There, &d.Here
	}
	return &d.Here, &d.There
}

// outlived decides about a message that one end deleted: it goes at the other
// too, unless that one changed it. mirrored: the other end deleted it.
func outlived(base Known, s state, changed, mirrored bool) Decision {
	d := Decision{Drop: []agreed.Key{base.Key}}
	deleter, keeper := sides(&d, mirrored)
	if !changed {
		*keeper = append(*keeper, Op{Kind: Remove, Key: s.key, From: s.mark, Was: s.sum})
		return d
	}
	d.Conflict = true
	*deleter = append(*deleter, Op{Kind: Put, To: s.key, Mark: s.mark, Sum: s.sum, Size: s.size})
	return d.keep(base.Key, s.entry(s.key, s.mark))
}

// mend replaces a damaged message by the other end's copy of it. mirrored: the
// damage is there.
func mend(base Known, damaged, sound state, mirrored bool) Decision {
	if sound.gone {
		return Decision{} // deleted at the one end, damaged at the other: no content is left to lose
	}
	d := Decision{Drop: []agreed.Key{base.Key}}
	broken, _ := sides(&d, mirrored)
	*broken = append(*broken, Op{
		Kind: Replace, Key: damaged.key, From: damaged.mark, To: sound.key, Mark: sound.mark, Sum: sound.sum, Size: sound.size,
	})
	return d.keep(base.Key, sound.entry(sound.key, sound.mark))
}

// keep adds what is agreed on; a key that stays is not dropped.
func (d Decision) keep(base agreed.Key, entries ...agreed.Entry) Decision {
	for _, e := range entries {
		if e.Key == base {
			d.Drop = nil
		}
		d.Agree = append(d.Agree, e)
	}
	return d
}

// both decides about a message that both ends still have.
func both(base Known, h, t state, fresh func() string) Decision {
	d := Decision{Drop: []agreed.Key{base.Key}}
	place := h.key
	if t.moved {
		place = t.key // moved to two places: the other end's place wins
	}
	mark := MergeMarks(base.Mark, h.mark, t.mark)
	switch {
	case h.edited && t.edited && h.sum != t.sum:
		return d.keepBoth(base, place, h, t, fresh())
	case t.edited && !h.edited:
		d.Here = append(d.Here, Op{
			Kind: Replace, Key: h.key, From: h.mark, Was: h.sum, To: place, Mark: mark, Sum: t.sum, Size: t.size,
		})
		d.There = rename(d.There, t, place, mark)
		return d.keep(base.Key, t.entry(place, mark))
	case h.edited && !t.edited:
		d.There = append(d.There, Op{
			Kind: Replace, Key: t.key, From: t.mark, Was: t.sum, To: place, Mark: mark, Sum: h.sum, Size: h.size,
		})
		d.Here = rename(d.Here, h, place, mark)
		return d.keep(base.Key, h.entry(place, mark))
	}
	d.Here = rename(d.Here, h, place, mark)
	d.There = rename(d.There, t, place, mark)
	return d.keep(base.Key, h.entry(place, mark))
}

func rename(ops []Op, s state, to agreed.Key, mark agreed.Mark) []Op {
	if s.key == to && s.mark == mark {
		return ops
	}
	return append(ops, Op{Kind: Rename, Key: s.key, From: s.mark, Was: s.sum, To: to, Mark: mark})
}

// keepBoth keeps two versions: the other end's under the name, ours under a
// fresh one.
func (d Decision) keepBoth(base Known, place agreed.Key, h, t state, unique string) Decision {
	d.Conflict = true
	own := agreed.Key{Folder: place.Folder, Unique: unique}
	d.Here = append(d.Here,
		Op{Kind: Rename, Key: h.key, From: h.mark, Was: h.sum, To: own, Mark: h.mark},
		Op{Kind: Put, To: place, Mark: t.mark, Sum: t.sum, Size: t.size})
	d.There = rename(d.There, t, place, t.mark)
	d.There = append(d.There, Op{Kind: Put, To: own, Mark: h.mark, Sum: h.sum, Size: h.size})
	return d.keep(base.Key, t.entry(place, t.mark), h.entry(own, h.mark))
}

// OneNew decides about a message that one end alone has, which the other has to
// take; here says which end has it.
func OneNew(c Change, here bool) Decision {
	op := Op{Kind: Put, To: c.Key, Mark: c.Mark, Sum: c.Sum, Size: c.Size}
	d := Decision{Agree: []agreed.Entry{{Key: c.Key, Mark: c.Mark, Sum: c.Sum, Size: c.Size}}}
	if here {
		d.There = []Op{op}
	} else {
		d.Here = []Op{op}
	}
	return d
}

// TwoNew decides about two messages that are new at the two ends and have the
// same key, or in one folder the same content. Both have been read.
func TwoNew(here, there Change, fresh func() string) Decision {
	if here.Sum != there.Sum {
		var d Decision
		h := state{key: here.Key, mark: here.Mark, sum: here.Sum, size: here.Size}
		t := state{key: there.Key, mark: there.Mark, sum: there.Sum, size: there.Size}
		return d.keepBoth(Known{}, there.Key, h, t, fresh())
	}
	var d Decision
	mark := MergeMarks(agreed.Mark{Sub: "new"}, here.Mark, there.Mark)
	h := state{key: here.Key, mark: here.Mark, sum: here.Sum, size: here.Size}
	t := state{key: there.Key, mark: there.Mark, sum: there.Sum, size: there.Size}
	d.Here = rename(d.Here, h, there.Key, mark)
	d.There = rename(d.There, t, there.Key, mark)
	d.Agree = []agreed.Entry{t.entry(there.Key, mark)}
	return d
}

// MergeMarks is the three-way merge of marks: what one end changed wins over
// what the other left alone. One end's own spelling of the outcome is kept.
func MergeMarks(base, here, there agreed.Mark) agreed.Mark {
	sub := there.Sub
	if there.Sub == base.Sub {
		sub = here.Sub
	}
	flags := maildir.MergeFlags(base.Flags(), here.Flags(), there.Flags())
	for _, m := range []agreed.Mark{there, here} {
		if m.Sub == sub && maildir.MergeFlags("", m.Flags(), "") == flags {
			return m
		}
	}
	if sub == "new" && flags == "" {
		return agreed.Mark{Sub: sub}
	}
	return agreed.Mark{Sub: "cur", Info: maildir.JoinFlags("", flags)}
}
