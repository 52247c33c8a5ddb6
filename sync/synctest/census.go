package synctest

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// Message is one message as a census sees it.
type Message struct {
	Content [sha256.Size]byte // SHA-256 of the whole file
	New     bool              // it lies in new/, not in cur/
	Flags   string            // sorted, each once
	Name    string            // the file name without its flags
}

// Census is every message of a mailbox by folder; folders are paths relative to
// the root, "." being the root itself. Empty folders have an entry. The
// messages of a folder are sorted.
type Census map[string][]Message

// Total is the number of messages.
func (c Census) Total() int {
	n := 0
	for _, messages := range c {
		n += len(messages)
	}
	return n
}

// Contents counts how often each content occurs in the whole mailbox: what must
// not shrink when nothing is lost, nor grow when nothing is duplicated.
func (c Census) Contents() map[[sha256.Size]byte]int {
	contents := make(map[[sha256.Size]byte]int)
	for _, messages := range c {
		for _, m := range messages {
			contents[m.Content]++
		}
	}
	return contents
}

// TakeCensus reads every message below root. The mailbox must be at rest: a
// message that goes away meanwhile is an error.
func TakeCensus(root string) (Census, error) {
	census := make(Census)
	var files []string // relative to root
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		dir, name := filepath.Split(path)
		parent := filepath.Base(dir)
		switch {
		case entry.IsDir() && name == "tmp":
			return filepath.SkipDir
		case entry.IsDir() && (name == "cur" || name == "new"):
			census[relative(root, dir)] = nil
		case entry.Type().IsRegular() && (parent == "cur" || parent == "new"):
			files = append(files, relative(root, path))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("census of %s: %w", root, err)
	}

	messages := make([]Message, len(files))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, file := range files {
		group.Go(func() error {
			content, err := hashFile(filepath.Join(root, file))
			if err != nil {
				return fmt.Errorf("census of %s: %w", root, err)
			}
			isNew := filepath.Base(filepath.Dir(file)) == "new"
			messages[i] = messageOf(filepath.Base(file), isNew, content)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, file := range files {
		folder := filepath.Dir(filepath.Dir(file))
		census[folder] = append(census[folder], messages[i])
	}
	census.sort()
	return census, nil
}

func relative(root, path string) string {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return path // both come from one walk, so this can't be
	}
	return rel
}

func hashFile(path string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}

func messageOf(fileName string, isNew bool, content [sha256.Size]byte) Message {
	unique, flags := splitName(fileName)
	return Message{Content: content, New: isNew, Flags: flags, Name: unique}
}

func (c Census) sort() {
	for _, messages := range c {
		slices.SortFunc(messages, compareMessages)
	}
}

func compareMessages(a, b Message) int {
	return cmp.Or(slices.Compare(a.Content[:], b.Content[:]), compareBool(a.New, b.New),
		cmp.Compare(a.Flags, b.Flags), cmp.Compare(a.Name, b.Name))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
