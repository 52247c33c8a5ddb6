package maildir

import (
	"errors"
	"io/fs"
	"os"

	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
)

// Dirs are directories whose entries changed and are to be made durable.
type Dirs map[durable.File]bool

// Add adds the directory of a message.
func (d Dirs) Add(p Place) { d.AddDir(p.Folder.Root, p.Folder.Rel(p.Sub, "")) }

// AddDir adds a directory below a root.
func (d Dirs) AddDir(root *os.Root, dir string) { d[durable.File{Root: root, Name: dir}] = true }

// Sync makes all of them durable and forgets them. One that is gone needs no more.
func (d Dirs) Sync() error {
	for dir := range d {
		if err := durable.SyncDirIn(dir.Root, dir.Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.New(KindOf(err), "make durable", dir.Name, err)
		}
		delete(d, dir)
	}
	return nil
}
