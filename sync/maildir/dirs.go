package maildir

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sync/errgroup"

	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
)

// Dirs are directories whose entries changed and are to be made durable.
type Dirs map[durable.File]bool

// Add adds the directory of a message.
func (d Dirs) Add(p Place) { d.AddDir(p.Folder.Root, p.Folder.Rel(p.Sub, "")) }

// AddDir adds a directory below a root.
func (d Dirs) AddDir(root *os.Root, dir string) { d[durable.File{Root: root, Name: dir}] = true }

// dirsAtOnce is how many directories are synced side by side. The file system commits
// what they have in common once for all that wait for it; one after the other each
// would have the disk's cache flushed anew.
const dirsAtOnce = 16

// Sync makes all of them durable and forgets them. One that is gone needs no more.
func (d Dirs) Sync() error {
	var g errgroup.Group
	g.SetLimit(dirsAtOnce)
	for dir := range d {
		g.Go(func() error {
			if err := durable.SyncDirIn(dir.Root, dir.Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fault.New(KindOf(err), "make durable", dir.Name, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	clear(d)
	return nil
}
