package sync

import (
	"cmp"
	"path"

	"smd-applet/sync/delta"
	"smd-applet/sync/hooks"
	"smd-applet/sync/maildir"
)

// transfer is what would travel in the run that a dry run is about.
type transfer struct {
	names   []string         // local ones
	bytes   map[string]int64 // by local folder: of messages that travel whole
	unsized map[string]int   // by local folder: messages whose size this end can't know
}

// note takes down a change that makes a message travel.
func (t *transfer) note(folder, name string, a delta.Action, size func() (int64, bool)) {
	switch a.Kind {
	case delta.CopyBody, delta.ReplaceHeader: // but for its header it is there
		t.names = append(t.names, name)
		return
	case delta.Add, delta.Replace:
	default:
		return
	}
	n, known := size()
	t.arrives(folder, name, n)
	if !known {
		t.unsized[folder]++
	}
}

// arrives takes down a message that travels whole.
func (t *transfer) arrives(folder, name string, size int64) {
	if t.bytes == nil {
		t.bytes, t.unsized = make(map[string]int64), make(map[string]int)
	}
	t.names = append(t.names, name)
	t.bytes[folder] += size
}

// plan notes a change that a dry run finds.
func (r *session) plan(store *maildir.Store, a delta.Action) {
	if !r.DryRun {
		return
	}
	if r.folders == nil {
		r.folders = make(map[string]*delta.Counts)
	}
	what, from, to := localWords(store, a)
	folder := path.Dir(path.Dir(cmp.Or(to, from)))
	if r.folders[folder] == nil {
		r.folders[folder] = &delta.Counts{}
	}
	r.folders[folder].Add(a)
	r.travels.note(folder, cmp.Or(to, from), a, func() (int64, bool) { return r.size(store, a.Dst) })
	if r.Planned != nil {
		r.Planned(what, from, to)
	}
}

// size is that of a message to be sent. Of one to be received smd 1.3 does not
// tell it, but the server may have put it into the name.
func (r *session) size(store *maildir.Store, name string) (int64, bool) {
	n, err := maildir.ParseName(name)
	if err != nil {
		return 0, false
	}
	if r.direction == Pull {
		return n.Size()
	}
	p, err := store.Place(n)
	if err != nil {
		return 0, false
	}
	st, err := p.Stat()
	if err != nil {
		return 0, false
	}
	return st.Size(), true
}

// planned is what [session.plan] noted.
func (r *session) planned() map[string]Summary {
	folders := make(map[string]Summary, len(r.folders))
	for name, counts := range r.folders {
		s := summary(*counts, r.travels.bytes[name], 0)
		s.Unsized = r.travels.unsized[name]
		folders[name] = s
	}
	return folders
}

// localWords tells a change in the words of hooks, by local names.
func localWords(store *maildir.Store, a delta.Action) (what, from, to string) {
	local := func(name string) string {
		n, err := maildir.ParseName(name)
		if err != nil {
			return name
		}
		p, err := store.Place(n)
		if err != nil {
			return name
		}
		return p.Path()
	}
	switch {
	case a.Kind == delta.Delete:
		return hooks.Removed, local(a.Dst), ""
	case a.Kind == delta.Move && delta.SameMessage(a.Src, a.Dst):
		return hooks.Flagged, local(a.Src), local(a.Dst)
	case a.Kind == delta.Move:
		return hooks.Moved, local(a.Src), local(a.Dst)
	}
	return hooks.Added, local(a.Dst), ""
}
