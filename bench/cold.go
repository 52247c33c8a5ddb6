//go:build linux

package main

import (
	"fmt"
	"os"
	"syscall"
)

// dropCaches is the file by which root has the kernel forget what it read.
const dropCaches = "/proc/sys/vm/drop_caches"

// coldCache measures after the kernel forgot all it knew of the disk, at both ends.
func coldCache(f *field) error {
	t := f.table("cold", "With cold caches",
		"The kernel's caches of files, folders and inodes are dropped before each run, the programs' own files included.",
		heading("task", "what")...)
	if !f.cold {
		return nil
	}
	if err := forget(); err != nil {
		t.note = "Left out: the caches cannot be dropped here (" + clip(err.Error()) + ")."
		f.show(t)
		return nil
	}
	for _, c := range []struct {
		title string
		do    task
	}{{"first sync", first}, {"nothing to do", pull}} {
		for _, e := range f.entrants {
			ok, err := e.ready(t, c.do, 0, c.title)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			r, err := e.repeated(1, func() (measured, error) {
				if c.do == first {
					if err := e.begin(counted); err != nil {
						return measured{}, err
					}
				}
				if err := forget(); err != nil {
					return measured{}, err
				}
				return e.bring(e.peer, c.do)
			})
			if err != nil {
				return err
			}
			t.result(r, c.title, r.what)
			t.bar(c.title, r)
		}
	}
	f.show(t)
	return nil
}

func forget() error {
	syscall.Sync() // only what is on the disk is forgotten
	if err := os.WriteFile(dropCaches, []byte("3\n"), 0o200); err != nil {
		return fmt.Errorf("drop caches: %w", err)
	}
	return nil
}
