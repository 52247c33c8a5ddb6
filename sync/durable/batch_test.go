package durable_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"smd-applet/sync/durable"
)

// Few and many files go different ways; both leave the content as it is and
// tell of what they can't reach.
func TestFlush(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 15, 16, 100} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			dirs := [2]string{t.TempDir(), t.TempDir()}
			roots := [2]*os.Root{openRoot(t, dirs[0]), openRoot(t, dirs[1])}
			var files []durable.File
			for i := range n {
				name := fmt.Sprintf("%d/tmp/%d", i%3, i)
				path := filepath.Join(dirs[i%2], name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				f, err := os.Create(path)
				if err != nil {
					t.Fatal(err)
				}
				_, err = f.WriteString(name)
				durable.StartWriteback(f)
				if err := errors.Join(err, f.Close()); err != nil {
					t.Fatal(err)
				}
				files = append(files, durable.File{Root: roots[i%2], Name: name})
			}
			if err := durable.Flush(files); err != nil {
				t.Fatal(err)
			}
			for i, f := range files {
				if got := read(t, filepath.Join(dirs[i%2], f.Name)); got != f.Name {
					t.Errorf("%s has %q", f.Name, got)
				}
			}
			lost := append(files, durable.File{Root: roots[0], Name: "none/tmp/1"})
			if err := durable.Flush(lost); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a file that is not there: %v", err)
			}
			outside := append(files, durable.File{Root: roots[0], Name: "../" + filepath.Base(dirs[1]) + "/0"})
			if err := durable.Flush(outside); err == nil {
				t.Error("a file outside its root: want an error")
			}
		})
	}
}
