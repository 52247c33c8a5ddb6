package maildir

import (
	"context"
	"path"

	"smd-applet/sync/fault"
)

// Folders walks the mailbox roots as [Store.Scan] does, but looks at no message
// and removes nothing. What can't be read is in the report, and no error.
func (s *Store) Folders(ctx context.Context, opt ScanOptions) (*Report, error) {
	w := &walker{store: s, opt: opt, report: &Report{Folders: make(map[string]bool)}}
	for _, b := range s.boxes {
		if err := w.tolerate(ctx, w.walk(ctx, b, ".", ".", nil, false)); err != nil {
			return nil, err
		}
	}
	return w.report, nil
}

// tolerate notes a place that can't be looked into, where only folders are asked for.
func (w *walker) tolerate(ctx context.Context, err error) error {
	if err == nil || w.visit != nil || ctx.Err() != nil {
		return err
	}
	f := fault.As(err)
	switch f.Kind {
	case fault.Permission, fault.FolderVanished, fault.FileSystem:
		w.report.Unreadable = append(w.report.Unreadable, f.Path)
		return nil
	}
	return err
}

// readable makes sure that a cur or new directory can be looked into.
func readable(f Folder, sub string) error {
	d, err := f.Root.Open(f.Rel(sub, ""))
	if err != nil {
		return scanError(path.Join(f.Path, sub), err)
	}
	return d.Close()
}
