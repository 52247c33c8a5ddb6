package apply

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
)

// view is what lies in the folders a run touches. A folder is listed when it is
// first asked for, and kept up to date with what the run itself does.
type view struct {
	store   *maildir.Store
	dryRun  bool // remove nothing
	folders map[string]*folderView
	hasher  *maildir.Hasher
	buf     []byte
}

type folderView struct {
	folder   maildir.Folder
	made     bool // cur, new and tmp are there
	byUnique map[string]maildir.Name
	others   map[string][]maildir.Name // further ones of the same unique name: rare
}

func newView(store *maildir.Store, dryRun bool) *view {
	return &view{
		store: store, dryRun: dryRun, folders: make(map[string]*folderView),
		hasher: maildir.NewHasher(), buf: make([]byte, 64<<10),
	}
}

func (v *view) folder(ctx context.Context, remote string) (*folderView, error) {
	if f := v.folders[remote]; f != nil {
		return f, nil
	}
	local, err := v.store.Folder(remote)
	if err != nil {
		return nil, fault.New(maildir.KindOf(err), "find the folder", remote, err)
	}
	f := &folderView{folder: local, byUnique: make(map[string]maildir.Name), others: make(map[string][]maildir.Name)}
	for _, sub := range []string{"cur", "new"} {
		files, _, err := maildir.List(ctx, local, sub)
		if fault.Is(err, fault.FolderVanished) {
			continue // not there yet: what is put in makes it
		}
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			f.add(maildir.Name{Folder: remote, Sub: sub, File: file.Name})
		}
	}
	if !v.dryRun {
		if err := local.CleanStrays(); err != nil {
			return nil, fault.New(maildir.KindOf(err), "clean", local.Path, err)
		}
	}
	v.folders[remote] = f
	return f, nil
}

func (f *folderView) add(n maildir.Name) {
	u := n.Unique()
	if _, taken := f.byUnique[u]; taken {
		f.others[u] = append(f.others[u], n)
		return
	}
	f.byUnique[u] = n
}

func (f *folderView) drop(n maildir.Name) {
	u := n.Unique()
	left := slices.DeleteFunc(f.others[u], func(m maildir.Name) bool { return m == n })
	if f.byUnique[u] == n {
		delete(f.byUnique, u)
		if len(left) > 0 {
			f.byUnique[u], left = left[0], left[1:]
		}
	}
	if len(left) == 0 {
		delete(f.others, u)
		return
	}
	f.others[u] = left
}

// find returns the message that has n's unique name in n's folder: n itself, or
// one with other flags.
func (v *view) find(ctx context.Context, n maildir.Name) (found maildir.Name, ok bool, err error) {
	f, err := v.folder(ctx, n.Folder)
	if err != nil {
		return maildir.Name{}, false, err
	}
	u := n.Unique()
	if found, ok = f.byUnique[u]; found == n {
		return found, ok, nil
	}
	for _, m := range f.others[u] {
		if m == n {
			return m, true, nil
		}
		found = m
	}
	return found, ok, nil
}

// has reports whether exactly n is there.
func (v *view) has(ctx context.Context, n maildir.Name) (bool, error) {
	found, ok, err := v.find(ctx, n)
	return ok && found == n, err
}

// sum reads a message. ok is false when it is not there (any more); damaged
// says that it is empty or no message.
func (v *view) sum(n maildir.Name) (sum maildir.Sum, ok, damaged bool, err error) {
	p, err := v.store.Place(n)
	if err != nil {
		return sum, false, false, err
	}
	sum, err = p.Sum(v.hasher, v.buf)
	switch {
	case err == nil:
		return sum, true, false, nil
	case errors.Is(err, fs.ErrNotExist):
		return sum, false, false, nil
	case errors.Is(err, maildir.ErrEmpty), errors.Is(err, maildir.ErrNotMessage):
		return sum, true, true, nil
	}
	return sum, false, false, fault.New(maildir.KindOf(err), "read", p.Path(), err)
}

// makeFolder makes the folder of n where it is missing.
func (v *view) makeFolder(ctx context.Context, n maildir.Name) (maildir.Folder, error) {
	f, err := v.folder(ctx, n.Folder)
	if err != nil {
		return maildir.Folder{}, err
	}
	if !f.made {
		if err := f.folder.Make(); err != nil {
			return f.folder, err
		}
		f.made = true
	}
	return f.folder, nil
}
