package restrict

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"smd-applet/sync/durable"
)

// edits is how often a file is read again that changes meanwhile.
const edits = 5

var errBusy = errors.New("it changes all the time: somebody else is writing to it")

// edit replaces a person's file by what change makes of its text, through links to
// it, with its permissions. A file that is not there has no text; one that would
// be left empty is removed. It reports whether there was anything to change.
func edit(path string, change func(text []byte) ([]byte, error)) (changed bool, err error) {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	for range edits {
		old, perm, err := read(path)
		if err != nil {
			return false, err
		}
		text, err := change(old)
		if err != nil || bytes.Equal(old, text) {
			return false, err
		}
		if again, _, err := read(path); err != nil {
			return false, err
		} else if !bytes.Equal(old, again) {
			continue
		}
		if len(text) == 0 {
			return true, errors.Join(os.Remove(path), durable.SyncDir(filepath.Dir(path)))
		}
		if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return false, err
		}
		return true, durable.WriteFile(path, perm, func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		})
	}
	return false, errBusy
}

func read(path string) ([]byte, fs.FileMode, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0o600, nil
	}
	if err != nil {
		return nil, 0, err
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	return text, st.Mode().Perm(), nil
}
