package durable

import (
	"errors"
	"os"

	"golang.org/x/sync/errgroup"
)

// manyFiles is the size from which one flush of the whole file system is
// cheaper than an fsync of each file.
const manyFiles = 16

// syncWorkers is how many fsyncs of a small batch run side by side.
const syncWorkers = 8

// File is a freshly written file below a root.
type File struct {
	Root *os.Root
	Name string
}

// StartWriteback pushes what was written to an open file towards the disk, so that
// a later [Flush] finds little left to do. It promises nothing.
func StartWriteback(f interface{ Fd() uintptr }) { startWriteback(f.Fd()) }

// Flush returns when the content of every file is on disk.
//
// On Linux many files are one syncfs(2) for each file system among them, which
// reports write-back errors since 5.8; few, and any elsewhere, are an fsync each.
func Flush(files []File) error {
	if len(files) >= manyFiles {
		err := flushFileSystems(files)
		if !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	var g errgroup.Group
	g.SetLimit(syncWorkers)
	for _, file := range files {
		g.Go(func() error {
			f, err := file.Root.Open(file.Name)
			if err != nil {
				return err
			}
			return errors.Join(f.Sync(), f.Close())
		})
	}
	return g.Wait()
}
