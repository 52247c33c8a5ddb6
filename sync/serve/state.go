package serve

import (
	"context"
	"errors"
	"io/fs"

	"smd-applet/sync/delta"
	"smd-applet/sync/guard"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
)

// changes goes from what a scan found to the actions and the new state.
type changes struct {
	*scanned
	opt       Options
	unsettled map[maildir.Sum]bool
	emit      func(delta.Action) error
	result    *Result
	changed   []bool        // by entry: re-appended
	appended  []index.Entry // the tail of the new state
	lost      []bool        // by entry: gone, and no longer in the new state
}

func (c *changes) find(ctx context.Context) error {
	c.lost = c.gone()
	for i := range c.lost {
		// What a person wants back stays in the agreed state until it is.
		if _, wanted := c.opt.Ledger.Fetch[c.old.At(i).Name]; wanted && c.lost[i] {
			c.lost[i], c.kept[i] = false, true
		}
	}
	differ := delta.NewDiffer(c.old, c.lost, delta.Options{NoMove: c.opt.NoMove})
	c.forgetReappeared()
	if err := c.sums(ctx, c.fresh, func(h hashed) error { return c.addFresh(differ, h) }); err != nil {
		return err
	}
	if err := c.sums(ctx, c.check, func(h hashed) error { return c.addChanged(differ, h) }); err != nil {
		return err
	}
	for _, name := range c.damaged {
		e, _ := c.old.Lookup(name)
		c.opt.Ledger.Fetch[name] = e.Sum
	}
	c.result.Damaged = c.damaged
	return c.deletions(differ)
}

// forgetReappeared drops what the ledger wants fetched and is here, sound, and
// the deletions to send that were sent or have become pointless.
func (c *changes) forgetReappeared() {
	damaged := make(map[string]bool, len(c.damaged))
	for _, n := range c.damaged {
		damaged[n] = true
	}
	for name := range c.opt.Ledger.Fetch {
		if i, ok := c.old.Find(name); !ok || (c.seen[i] && !damaged[name]) {
			delete(c.opt.Ledger.Fetch, name)
		}
	}
	for name := range c.opt.Ledger.DeleteThere {
		if i, ok := c.old.Find(name); !ok || c.seen[i] {
			delete(c.opt.Ledger.DeleteThere, name)
		}
	}
}

func (c *changes) addFresh(d *delta.Differ, h hashed) error {
	switch {
	case errors.Is(h.err, fs.ErrNotExist), errors.Is(h.err, maildir.ErrEmpty), errors.Is(h.err, maildir.ErrNotMessage):
		return nil // gone again, or no message (spec §2)
	case h.err != nil:
		return h.err
	}
	name := h.name.String()
	if c.isHeldHere(h.name, h.sum) || c.unsettled[h.sum] {
		return nil
	}
	c.appended = append(c.appended, index.Entry{Name: name, Sum: h.sum})
	return c.emit(d.Fresh(name, h.sum))
}

// isHeldHere reports whether the message is one the other end deleted and the
// guard kept, possibly with other flags by now.
func (c *changes) isHeldHere(name maildir.Name, sum maildir.Sum) bool {
	if len(c.opt.Ledger.HeldHere) == 0 {
		return false
	}
	if was, ok := c.opt.Ledger.HeldHere[name.String()]; ok {
		return was == sum
	}
	for held, was := range c.opt.Ledger.HeldHere {
		if was == sum && delta.SameMessage(held, name.String()) {
			return true
		}
	}
	return false
}

func (c *changes) addChanged(d *delta.Differ, h hashed) error {
	name := h.name.String()
	i, _ := c.old.Find(name)
	switch {
	case errors.Is(h.err, maildir.ErrEmpty), errors.Is(h.err, maildir.ErrNotMessage):
		c.damaged = append(c.damaged, name)
		return nil
	case errors.Is(h.err, fs.ErrNotExist):
		return nil // it went away after the scan: the next run sees it
	case h.err != nil:
		return h.err
	}
	a, changed := d.Changed(i, h.sum)
	if !changed {
		return nil
	}
	c.changed[i] = true
	c.appended = append(c.appended, index.Entry{Name: name, Sum: h.sum})
	return c.emit(a)
}

// deletions judges what is left of the gone entries, and sends what passes.
func (c *changes) deletions(d *delta.Differ) error {
	var gone []delta.Action
	lost := make([]bool, len(c.lost))
	err := d.Deletes(func(a delta.Action) error {
		i, _ := c.old.Find(a.Dst)
		lost[i] = true
		gone = append(gone, a)
		return nil
	})
	if err != nil {
		return err
	}
	held := make(map[string]bool)
	if limits := c.opt.Limits; limits != nil {
		for _, f := range guard.Held(c.perFolder(lost), *limits) {
			held[f] = true
		}
	}
	clear(c.opt.Ledger.HeldThere)
	for _, a := range gone {
		i, _ := c.old.Find(a.Dst)
		name, _ := maildir.ParseName(a.Dst)
		_, confirmed := c.opt.Ledger.DeleteThere[a.Dst]
		switch {
		case c.opt.NoDelete:
			c.lost[i] = false
		case held[name.Folder] && !confirmed:
			c.lost[i] = false
			c.opt.Ledger.HeldThere[a.Dst] = a.Was
			c.result.Held[name.Folder]++
		default:
			if err := c.emit(a); err != nil {
				return err
			}
		}
	}
	return nil
}

// newState hands the entries of the new state to put: the old ones in their
// order, then changed and new ones as they were found (smd 1.3, spec §2).
func (c *changes) newState(put func(index.Entry) error) error {
	for i := range c.old.Len() {
		if c.lost[i] || c.changed[i] {
			continue
		}
		if err := put(c.old.At(i)); err != nil {
			return err
		}
	}
	for _, e := range c.appended {
		if err := put(e); err != nil {
			return err
		}
	}
	return nil
}
