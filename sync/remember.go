package sync

import (
	"context"
	"errors"

	"smd-applet/sync/agreed"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/history"
	"smd-applet/sync/maildir"
	"smd-applet/sync/translate"
	"smd-applet/sync/twoway"
)

// remember ends the run's history. That it can't be written is no failure of the
// run: it is only told of it.
func (r *session) remember(result Result, f *fault.Error) {
	o := history.Outcome{Damaged: result.Damaged, Bytes: result.Summary.Bytes}
	if f != nil {
		o.Kind, o.Failure, o.WayOut = string(f.Kind), f.Error(), f.WayOut()
	}
	for _, h := range result.Held {
		o.Held = append(o.Held, history.Held{Folder: h.Folder, Count: h.Count, Sent: h.By == Push})
	}
	if err := r.history.End(o); err != nil {
		r.Log.Warn("the history of this run can't be kept, smd-applet explain will not know of it", "endpoint", r.endpoint.Name, "err", err)
	}
}

// HeldMessage is a message whose deletion is held back.
type HeldMessage struct {
	Endpoint string
	Folder   string // below the home, as this end has it
	Unique   string // the message's name without its flags
	By       Direction
}

// HeldMessages lists the messages of an endpoint whose deletion is held back now.
func (s *Sessions) HeldMessages(ctx context.Context, endpoint string) ([]HeldMessage, error) {
	e, err := config.Load(ctx, s.Paths, endpoint)
	if err != nil {
		return nil, err
	}
	r := &session{Sessions: s, endpoint: e}
	l, err := r.ledger()
	if err != nil {
		return nil, err
	}
	byKey := make(map[agreed.Key]Direction)
	for by, names := range map[Direction]map[string]maildir.Sum{Pull: l.HeldHere, Push: l.HeldThere} {
		for name := range names {
			if n, err := maildir.ParseName(name); err == nil {
				byKey[agreed.Key{Folder: n.Folder, Unique: n.Unique()}] = by
			}
		}
	}
	if err := r.heldTwoWay(byKey); err != nil || len(byKey) == 0 {
		return nil, err
	}
	translator, err := translate.New(e, s.Paths.Home)
	if err != nil {
		return nil, err
	}
	store, err := maildir.Open(s.Paths.Home, r.boxes(), translator, false)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	var list []HeldMessage
	for k, by := range byKey {
		f, err := store.Folder(k.Folder)
		if err != nil {
			return nil, fault.New(maildir.KindOf(err), "find the folder", k.Folder, err)
		}
		list = append(list, HeldMessage{Endpoint: endpoint, Folder: f.Path, Unique: k.Unique, By: by})
	}
	return list, nil
}

// heldTwoWay adds what the state of smd/2, if there is one, tells of.
func (r *session) heldTwoWay(byKey map[agreed.Key]Direction) error {
	db, err := r.openTwoWay()
	if db == nil || err != nil {
		return err
	}
	there, here, err := twoway.HeldBack(db)
	for _, k := range there {
		byKey[k] = Pull
	}
	for _, k := range here {
		byKey[k] = Push
	}
	return errors.Join(err, db.Close())
}
