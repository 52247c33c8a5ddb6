package explain

import (
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"smd-applet/sync/history"
	"smd-applet/sync/maildir"
)

// Locate returns where a message is now that was at path, below home: in the same
// folder, whatever its flags.
func Locate(home, file string) (now string, here bool) {
	if st, err := os.Lstat(filepath.Join(home, file)); err == nil && st.Mode().IsRegular() {
		return file, true
	}
	want := placeOf(file)
	for _, sub := range []string{"cur", "new"} {
		entries, err := os.ReadDir(filepath.Join(home, want.folder, sub))
		if err != nil {
			continue // it may have no such folder any more
		}
		for _, e := range entries {
			if unique, _ := maildir.SplitFlags(e.Name()); unique == want.unique {
				return path.Join(want.folder, sub, e.Name()), true
			}
		}
	}
	return "", false
}

// Find looks through mailboxes below home for the messages with a Message-ID, and
// returns their paths. It reads the header of every message: a minute of a large
// mailbox on a slow disk.
func Find(ctx context.Context, home string, mailboxes []string, messageID string) ([]string, error) {
	want := history.IDOf(messageID)
	var found []string
	for _, box := range mailboxes {
		err := filepath.WalkDir(filepath.Join(home, box), func(file string, e fs.DirEntry, err error) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if sub := filepath.Base(filepath.Dir(file)); err != nil || !e.Type().IsRegular() || sub != "cur" && sub != "new" {
				return nil //nolint:nilerr // what can't be read does not have it
			}
			f, err := os.Open(file)
			if err != nil {
				return nil //nolint:nilerr // likewise
			}
			defer f.Close()
			if id, err := history.MessageID(f); err == nil && want != "" && history.IDOf(id) == want {
				rel, err := filepath.Rel(home, file)
				if err != nil {
					return err
				}
				found = append(found, rel)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
