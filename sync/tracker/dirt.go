package tracker

import "path"

// maxDirty is how many changed names of one folder are remembered one by one.
const maxDirty = 4096

// dirt is where something moved since the last look.
type dirt struct {
	all     bool                       // look everywhere
	folders map[string]map[string]bool // names, by local folder; nil: the whole folder
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
	folder = path.Clean(folder)
	if t.dirty.folders == nil {
		t.dirty.folders = make(map[string]map[string]bool)
	}
	names, known := t.dirty.folders[folder]
	switch {
	case known && names == nil:
		return
	case len(names) >= maxDirty:
		t.dirty.folders[folder] = nil
		return
	case !known:
		names = make(map[string]bool)
		t.dirty.folders[folder] = names
	}
	names[name] = true
}

// TouchFolder says that anything may have happened in a local folder.
func (t *Tracker) TouchFolder(local string) {
	if t.dirty.folders == nil {
		t.dirty.folders = make(map[string]map[string]bool)
	}
	t.dirty.folders[local] = nil
}

// TouchAll says that anything may have happened.
func (t *Tracker) TouchAll() { t.dirty.all = true }

// Dirty reports whether [Tracker.Refresh] would look at anything.
func (t *Tracker) Dirty() bool {
	return !t.scanned || t.dirty.all || len(t.dirty.folders) > 0
}
