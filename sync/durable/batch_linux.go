package durable

import (
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// startWriteback is a hint: Flush is what counts, so its failure is too.
func startWriteback(fd uintptr) {
	_ = unix.SyncFileRange(int(fd), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}

// flushFileSystems calls syncfs once for each file system the files lie on. A
// directory is on the file system of the files in it, unless one is a mount
// point of its own, which no freshly created file is.
func flushFileSystems(files []File) error {
	type dirKey struct {
		root *os.Root
		dir  string
	}
	seen := make(map[dirKey]bool)
	flushed := make(map[uint64]bool)
	for _, file := range files {
		key := dirKey{file.Root, path.Dir(file.Name)}
		if seen[key] {
			continue
		}
		seen[key] = true
		if err := flushFileSystem(key.root, key.dir, flushed); err != nil {
			return fmt.Errorf("sync the file system of %s: %w", key.dir, err)
		}
	}
	return nil
}

func flushFileSystem(root *os.Root, dir string, flushed map[uint64]bool) error {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(d.Fd()), &st); err != nil {
		return err
	}
	if flushed[st.Dev] {
		return nil
	}
	flushed[st.Dev] = true
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		if errors.Is(err, unix.ENOSYS) {
			return errors.ErrUnsupported
		}
		return err
	}
	return nil
}
