package tracker

import (
	"path"
	"slices"

	"smd-applet/sync/maildir"
	"smd-applet/sync/reconcile"
)

// maxDirty is how many changed names of one folder are remembered one by one.
const maxDirty = 4096

// dirt is where something moved since the last look.
type dirt struct {
	all     bool                       // look everywhere
	folders map[string]map[string]bool // names, by local folder; nil: the whole folder
}

func (d *dirt) touch(folder, name string) {
	names, known := d.folders[folder]
	switch {
	case known && names == nil:
		return
	case len(names) >= maxDirty:
		d.folders[folder] = nil
		return
	case !known:
		d.touchFolder(folder)
		names = make(map[string]bool)
		d.folders[folder] = names
	}
	names[name] = true
}

func (d *dirt) touchFolder(folder string) {
	if d.folders == nil {
		d.folders = make(map[string]map[string]bool)
	}
	d.folders[folder] = nil
}

// add adds what another look is for.
func (d *dirt) add(more dirt) {
	d.all = d.all || more.all
	for folder, names := range more.folders {
		if names == nil {
			d.touchFolder(folder)
		}
		for name := range names {
			d.touch(folder, name)
		}
	}
}

// Touch says that something happened to a file of this local path (below home),
// such as "Mail/.work/cur/1.host:2,S".
func (t *Tracker) Touch(local string) {
	dir, name := path.Split(local)
	folder, sub := path.Split(path.Clean(dir))
	if sub != "cur" && sub != "new" {
		t.dirty.all = true
		return
	}
	t.dirty.touch(path.Clean(folder), name)
}

// TouchFolder says that anything may have happened in a local folder.
func (t *Tracker) TouchFolder(local string) { t.dirty.touchFolder(local) }

// TouchAll says that anything may have happened.
func (t *Tracker) TouchAll() { t.dirty.all = true }

// Dirty reports whether [Tracker.Refresh] would look at anything.
func (t *Tracker) Dirty() bool {
	return !t.scanned || t.dirty.all || len(t.dirty.folders) > 0
}

// Rest says that nothing moved since the last look: what it and those before it found
// gone is gone.
func (t *Tracker) Rest() { t.looked = dirt{} }

// Withhold has the next look tell of what the looks since [Tracker.Rest] found gone and
// of no place it went to: for the caller that cannot look again until nothing moves. A
// message that a person moves meanwhile may be seen to leave before it is seen to
// arrive, and the other end would take it for a deleted one.
func (t *Tracker) Withhold() {
	looked := t.looked
	t.Rest()
	if looked.all {
		for remote := range t.folders {
			t.withhold(remote, nil)
		}
		return
	}
	for local, names := range looked.folders {
		remote, err := t.opt.Store.Remote(local)
		if err != nil {
			continue // nothing was noted of it
		}
		var uniques map[string]bool
		if names != nil {
			uniques = make(map[string]bool, len(names))
		}
		for name := range names {
			unique, _ := maildir.SplitFlags(name)
			uniques[unique] = true
		}
		t.withhold(remote, uniques)
	}
}

// withhold withholds what is gone of a folder, by unique name; all of it where there
// is nil.
func (t *Tracker) withhold(remote string, uniques map[string]bool) {
	f := t.folders[remote]
	if f == nil {
		return
	}
	before := len(f.items)
	f.items = slices.DeleteFunc(f.items, func(it *item) bool {
		return it.kind == reconcile.Gone && it.to == nil && (uniques == nil || uniques[it.unique])
	})
	if f.vanished || len(f.items) < before {
		f.vanished = false
		t.TouchFolder(t.localOf(remote))
	}
}
