package twoway

import (
	"encoding/json"
	"fmt"

	"smd-applet/sync/agreed"
	"smd-applet/sync/guard"
	"smd-applet/sync/reconcile"
)

// deletions carries out what the guard lets pass, and holds the rest back.
func (r *run) deletions() error {
	if len(r.removes) == 0 {
		return nil
	}
	losses, err := r.end.Tracker.Losses()
	if err != nil {
		return err
	}
	lost := make(map[string]guard.Folder)
	for _, l := range losses {
		lost[l.Folder] = guard.Folder{Total: l.Total, Deleted: l.Gone, Vanished: l.Vanished}
	}
	lostThere := make(map[string]guard.Folder)
	for _, l := range r.begun.Losses {
		lostThere[l.Folder] = guard.Folder{Total: l.Total, Deleted: l.Gone, Vanished: l.Vanished}
	}
	held := holdBack(r.folderTotals(), r.opt.Limits, lost, r.end.Store.RootOf)
	heldThere := holdBack(r.folderTotals(), r.opt.Limits, lostThere, r.end.Store.RootOf)
	return r.end.DB.View(func(tx *agreed.Tx) error {
		for _, t := range r.removes {
			if err := r.judge(tx, t, held, heldThere); err != nil {
				return err
			}
		}
		return nil
	})
}

// folderTotals counts the agreed messages by folder.
func (r *run) folderTotals() map[string]int {
	totals := make(map[string]int)
	_ = r.end.DB.View(func(tx *agreed.Tx) error {
		for f := range tx.Folders() {
			totals[f.Path] = f.Count
		}
		return nil
	})
	return totals
}

// holdBack asks the guard about the losses of one end.
func holdBack(totals map[string]int, limits guard.Limits, lost map[string]guard.Folder, rootOf func(string) string) map[string]bool {
	var folders []guard.Folder
	for name, total := range totals {
		f, ok := lost[name]
		if !ok {
			f.Total = total
		}
		f.Name, f.Root = name, rootOf(name)
		folders = append(folders, f)
	}
	held := make(map[string]bool)
	for _, name := range guard.Held(folders, limits) {
		held[name] = true
	}
	return held
}

// judge decides on one deletion: carried out, held back or, when a person says
// so, undone.
func (r *run) judge(tx *agreed.Tx, t *task, held, heldThere map[string]bool) error {
	here := len(t.Here) > 0 // the other end deleted it
	ops, by := t.There, push
	if here {
		ops, by, held = t.Here, pull, heldThere
	}
	if r.opt.NoDelete || (here && !r.opt.Pull) || (!here && !r.opt.Push) {
		return nil
	}
	k := t.Drop[0]
	decision, asked := r.holds.entries[hold{k, by}]
	switch {
	case asked && decision == restore:
		rec, ok := tx.Get(k)
		if !ok {
			return nil
		}
		op := reconcile.Op{Kind: reconcile.Put, To: ops[0].Key, Mark: ops[0].From, Sum: rec.Sum, Size: rec.Size}
		entry := agreed.Entry{Key: k, Mark: ops[0].From, Sum: rec.Sum, Size: rec.Size}
		t.Decision = reconcile.Decision{Agree: []agreed.Entry{entry}}
		if here {
			t.There = []reconcile.Op{op}
		} else {
			t.Here = []reconcile.Op{op}
		}
		return r.start(tx, t)
	case held[k.Folder] && !(asked && decision == remove):
		r.holds.seen[hold{k, by}] = decision
		if here {
			r.result.HeldHere[k.Folder]++
		} else {
			r.result.HeldThere[k.Folder]++
		}
		return nil
	}
	return r.start(tx, t)
}

// Which end deleted a message that is held back: pull, the other; push, this one.
const (
	pull = "pull"
	push = "push"
)

// What a person decided about it.
const (
	undecided = ""
	remove    = "delete"
	restore   = "restore"
)

type hold struct {
	key agreed.Key
	by  string
}

// holds are the deletions held back, and what was decided about them. They stand
// in the agreed state of the client.
type holds struct {
	entries map[hold]string // as they were
	seen    map[hold]string // as this run found them
}

type holdEntry struct {
	Folder   []byte `json:"folder"` // names need not be UTF-8
	Unique   []byte `json:"unique"`
	By       string `json:"by"`
	Decision string `json:"decision,omitempty"`
}

const metaHeld = "held"

func (r *run) readHolds() error {
	return r.end.DB.View(func(tx *agreed.Tx) error {
		var err error
		r.holds, err = loadHolds(tx)
		return err
	})
}

func loadHolds(tx *agreed.Tx) (holds, error) {
	h := holds{entries: make(map[hold]string), seen: make(map[hold]string)}
	b := tx.Meta(metaHeld)
	if len(b) == 0 {
		return h, nil
	}
	var list []holdEntry
	if err := json.Unmarshal(b, &list); err != nil {
		return h, fmt.Errorf("read the list of held deletions: %w", err)
	}
	for _, e := range list {
		h.entries[hold{agreed.Key{Folder: string(e.Folder), Unique: string(e.Unique)}, e.By}] = e.Decision
	}
	return h, nil
}

// save keeps what this run found: a message that is back is no longer asked about.
func (h holds) save(tx *agreed.Tx, opt RunOptions) error {
	for k, decision := range h.entries {
		if k.by == pull && !opt.Pull || k.by == push && !opt.Push {
			h.seen[k] = decision // this run did not look
		}
	}
	if len(h.seen) == 0 {
		if len(tx.Meta(metaHeld)) == 0 {
			return nil
		}
		return tx.SetMeta(metaHeld, nil)
	}
	return storeHolds(tx, h.seen)
}

func storeHolds(tx *agreed.Tx, all map[hold]string) error {
	list := make([]holdEntry, 0, len(all))
	for k, decision := range all {
		list = append(list, holdEntry{[]byte(k.key.Folder), []byte(k.key.Unique), k.by, decision})
	}
	b, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return tx.SetMeta(metaHeld, b)
}

// Decide notes what a person wants done with the deletions that are held back:
// the next run carries them out, or undoes them.
func Decide(db *agreed.DB, carryOut bool) error {
	decision := restore
	if carryOut {
		decision = remove
	}
	return db.Update(func(tx *agreed.Tx) error {
		h, err := loadHolds(tx)
		if err != nil || len(h.entries) == 0 {
			return err
		}
		for k := range h.entries {
			h.entries[k] = decision
		}
		return storeHolds(tx, h.entries)
	})
}

// HeldBack lists the messages whose deletion is held back and that nobody decided
// about: those deleted at the agent's end, and those deleted at the client's.
func HeldBack(db *agreed.DB) (there, here []agreed.Key, err error) {
	err = db.View(func(tx *agreed.Tx) error {
		h, err := loadHolds(tx)
		for k, decision := range h.entries {
			switch {
			case decision != undecided:
			case k.by == pull:
				there = append(there, k.key)
			default:
				here = append(here, k.key)
			}
		}
		return err
	})
	return there, here, err
}
