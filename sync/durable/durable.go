// Package durable is the only way our files come into being: whole, on disk, or
// not at all.
//
// The steps are always write to a temporary name, check, fsync, rename without
// replacing what must not be replaced, fsync the directory (design, safety
// rules 1 to 3). Every error of them is returned: a failed fsync is a failed write.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// WriteFile replaces the file at path by what write produces. After a crash
// either the old or the new content is there, whole.
func WriteFile(path string, perm fs.FileMode, write func(io.Writer) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, tempPrefix(path)+"*")
	if err != nil {
		return err
	}
	if err := errors.Join(fill(f, perm, write), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := SyncDir(dir); err != nil {
		return fmt.Errorf("make the rename durable: %w", err)
	}
	return nil
}

// tempPrefix begins the names of unfinished files that are to become path.
func tempPrefix(path string) string { return "." + filepath.Base(path) + ".tmp-" }

// Sweep removes what crashes in [WriteFile] left beside path. The caller sees to
// it that nobody else is writing that file.
func Sweep(path string) error {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempPrefix(path)) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// MkdirAll is [os.MkdirAll] whose new directories survive a power cut.
func MkdirAll(dir string, perm fs.FileMode) error {
	if _, err := os.Stat(dir); err == nil {
		return os.MkdirAll(dir, perm) // an error where it is a file
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MkdirAll(parent, perm); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(parent)
}

func fill(f *os.File, perm fs.FileMode, write func(io.Writer) error) error {
	if err := f.Chmod(perm); err != nil {
		return err
	}
	if err := write(f); err != nil {
		return err
	}
	return f.Sync()
}

// Rename moves a file over another in the same directory and makes it durable.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(to))
}

// SyncDir makes the entries of a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// SyncDirIn is [SyncDir] below root.
func SyncDirIn(root *os.Root, dir string) error {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
