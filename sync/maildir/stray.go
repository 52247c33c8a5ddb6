package maildir

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// strayMark stands in the name of every temporary file of ours and in no other
// program's.
const strayMark = ".smd-applet-tmp."

// TempName returns a fresh name for a file in tmp.
func TempName() string { return strayMark[1:] + FreshUnique() }

// cleanStrays removes what a crash of ours left in a tmp directory.
func cleanStrays(root *os.Root, dir string, age time.Duration) (int, error) {
	d, err := root.Open(dir)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return 0, err
	}
	removed := 0
	for _, name := range names {
		if !strings.HasPrefix(name, strayMark[1:]) {
			continue
		}
		rel := path.Join(dir, name)
		if age > 0 {
			st, err := root.Lstat(rel)
			if err != nil || time.Since(st.ModTime()) < age {
				continue
			}
		}
		if err := remove(root, rel); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// CleanStrays removes what a crash of ours left in the folder's tmp. Only the
// holder of the mailbox lock may call it.
func (f Folder) CleanStrays() error {
	_, err := cleanStrays(f.Root, f.Rel("tmp", ""), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
