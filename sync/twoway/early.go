package twoway

import (
	"encoding/json"
	"errors"
	"fmt"

	"smd-applet/sync/agreed"
	"smd-applet/sync/reconcile"
)

// metaEarly lists the messages that were put in place before both ends agreed on
// them. One that the agent then no longer has was moved or deleted there: it goes
// here too, and is not taken for a new one of this end's.
const metaEarly = "early"

type earlyEntry struct {
	Folder []byte `json:"folder"` // names need not be UTF-8
	Unique []byte `json:"unique"`
	Sub    string `json:"sub"`
	Info   []byte `json:"info,omitempty"`
	Header []byte `json:"header"`
	Body   []byte `json:"body"`
}

// early puts messages in place that came with a hint, before the run that tells
// of them: that one finds the same message at both ends. Only what meets nothing
// here is taken; the rest is for the run.
func (r *run) early(hints []hint) error {
	wanted, err := r.wantedEarly(hints)
	if err != nil || len(wanted) == 0 {
		return err
	}
	for _, h := range wanted {
		c := h.change
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
	// The list is on disk before what it tells of.
	if err := r.noteEarly(wanted); err != nil {
		return errors.Join(err, discardAll(r.in.take()))
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

func (r *run) wantedEarly(hints []hint) ([]hint, error) {
	var wanted []hint
	err := r.end.DB.View(func(tx *agreed.Tx) error {
		for _, h := range hints {
			c := h.change
			if err := checkChange(c); err != nil {
				return err
			}
			_, agreedOn := tx.Get(c.Key)
			if !agreedOn && c.Kind == reconcile.New && c.Sum != agreed.Unread && !r.end.Tracker.HasNew(c.Key.Folder) {
				wanted = append(wanted, h)
			}
		}
		return nil
	})
	return wanted, err
}

func (r *run) noteEarly(hints []hint) error {
	return r.end.DB.Update(func(tx *agreed.Tx) error {
		all, err := loadEarly(tx)
		if err != nil {
			return err
		}
		var list []earlyEntry
		for _, h := range hints {
			all[h.change.Key] = agreed.Entry{Key: h.change.Key, Mark: h.change.Mark, Sum: h.change.Sum}
		}
		for k, e := range all {
			list = append(list, earlyEntry{
				[]byte(k.Folder), []byte(k.Unique), e.Mark.Sub, []byte(e.Mark.Info), e.Sum.Header[:], e.Sum.Body[:],
			})
		}
		b, err := json.Marshal(list)
		if err != nil {
			return err
		}
		return tx.SetMeta(metaEarly, b)
	})
}

func loadEarly(tx *agreed.Tx) (map[agreed.Key]agreed.Entry, error) {
	all := make(map[agreed.Key]agreed.Entry)
	b := tx.Meta(metaEarly)
	if len(b) == 0 {
		return all, nil
	}
	var list []earlyEntry
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("read the list of messages not yet agreed on: %w", err)
	}
	for _, e := range list {
		entry := agreed.Entry{
			Key:  agreed.Key{Folder: string(e.Folder), Unique: string(e.Unique)},
			Mark: agreed.Mark{Sub: e.Sub, Info: string(e.Info)},
		}
		copy(entry.Sum.Header[:], e.Header)
		copy(entry.Sum.Body[:], e.Body)
		all[entry.Key] = entry
	}
	return all, nil
}

// takeBack removes a message that was put in place early and that the agent no
// longer has. One that was touched here since is this end's own by now.
func (r *run) takeBack(tx *agreed.Tx, c reconcile.Change) (bool, error) {
	e, ok := r.arrivedEarly[c.Key]
	if !ok || c.Kind != reconcile.New || c.Mark != e.Mark || r.opt.DryRun {
		return false, nil
	}
	p, err := r.end.place(c.Key, c.Mark)
	if err != nil {
		return false, err
	}
	if same, err := r.end.holds(p, e.Sum); err != nil || !same {
		return false, nil // it is looked at as any other
	}
	err = r.end.do(tx, reconcile.Op{Kind: reconcile.Remove, Key: c.Key, From: c.Mark, Was: e.Sum})
	if errors.Is(err, errLeft) {
		return false, nil
	}
	if err == nil {
		r.end.Tracker.Touch(p.Path())
		// It may be an earlier run that counted it.
		r.result.Here.New = max(0, r.result.Here.New-1)
		r.result.Here.Bytes = max(0, r.result.Here.Bytes-c.Size)
	}
	return err == nil, err
}
