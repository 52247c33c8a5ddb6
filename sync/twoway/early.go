package twoway

import (
	"smd-applet/sync/agreed"
	"smd-applet/sync/reconcile"
)

// early puts messages in place that came with a hint, before the run that tells
// of them: that one finds the same message at both ends. Only what meets nothing
// here is taken; the rest is for the run.
func (r *run) early(hints []hint) error {
	err := r.end.DB.View(func(tx *agreed.Tx) error {
		for _, h := range hints {
			c := h.change
			_, agreedOn := tx.Get(c.Key)
			if agreedOn || c.Kind != reconcile.New || c.Sum == agreed.Unread || r.end.Tracker.HasNew(c.Key.Folder) {
				continue
			}
			if err := checkChange(c); err != nil {
				return err
			}
			a, err := r.in.open(0, reconcile.Op{Kind: reconcile.Put, To: c.Key, Mark: c.Mark, Sum: c.Sum, Size: c.Size})
			if err != nil {
				return err
			}
			if _, err := a.Write(h.content); err != nil {
				a.discard()
				return err
			}
			if err := r.in.close(a, c.Sum); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	batch, err := r.in.install()
	if err != nil {
		return err
	}
	for _, a := range batch {
		p, err := r.end.place(a.op.To, a.op.Mark)
		if err != nil {
			return err
		}
		r.end.Tracker.Touch(p.Path())
		if !a.left {
			r.tally(&r.result.Here, a.op)
			r.result.Here.Bytes += a.size
		}
	}
	return r.end.dirs.Sync()
}
