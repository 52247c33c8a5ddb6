// Package index is the agreed state as smd 1.3 stores it: the db-file, one line
// a message, and the files beside it (smd 1.3, spec §1 and §2).
package index

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"smd-applet/sync/maildir"
)

// Entry is one message of the agreed state. Name is its remote name, raw as it
// stands in the file.
type Entry struct {
	Name string
	Sum  maildir.Sum
}

// Index is the agreed state, in the order of the db-file.
type Index struct {
	entries []Entry
	byName  map[string]int32
}

// digestColumns is the length of the two digests and the spaces behind them.
const digestColumns = 2 * (2*sha1.Size + 1)

// maxLine bounds a line of a db-file, in bytes.
const maxLine = digestColumns + 8192

// Load reads the db-file at path; a missing one is the empty state.
func Load(path string) (*Index, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return New(), nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ix, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ix, nil
}

// New returns an empty index.
func New() *Index { return &Index{byName: make(map[string]int32)} }

// Read reads a db-file.
func Read(r io.Reader) (*Index, error) {
	ix := New()
	err := EachLine(r, func(e Entry) error {
		e.Name = strings.Clone(e.Name) // not the whole line
		ix.Add(e)
		return nil
	})
	return ix, err
}

// EachLine calls f for each entry of a db-file as it is read.
func EachLine(r io.Reader, f func(Entry) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 4096), maxLine)
	s.Split(scanLines)
	for n := 1; s.Scan(); n++ {
		e, err := ParseLine(s.Text())
		if err == nil {
			err = f(e)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return s.Err()
}

// scanLines is bufio.ScanLines without its eating of a '\r', which may end a name.
func scanLines(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, errors.New("the last line is cut short")
	}
	return 0, nil, nil
}

// ParseLine parses one line of a db-file, without its newline.
func ParseLine(line string) (Entry, error) {
	var e Entry
	const hex = 2 * sha1.Size
	if len(line) <= digestColumns || line[hex] != ' ' || line[digestColumns-1] != ' ' {
		return e, errors.New("not a db-file line: want two digests and a name")
	}
	var err error
	if e.Sum.Header, err = maildir.ParseDigest(line[:hex]); err != nil {
		return e, err
	}
	if e.Sum.Body, err = maildir.ParseDigest(line[hex+1 : digestColumns-1]); err != nil {
		return e, err
	}
	e.Name = strings.Clone(line[digestColumns:])
	return e, nil
}

// AppendLine appends the entry as a line of a db-file.
func (e Entry) AppendLine(b []byte) []byte {
	return fmt.Appendf(b, "%x %x %s\n", e.Sum.Header[:], e.Sum.Body[:], e.Name)
}

// Add appends an entry. A name that is there already is overwritten in place: a
// sound db-file has none.
func (ix *Index) Add(e Entry) {
	if i, ok := ix.byName[e.Name]; ok {
		ix.entries[i] = e
		return
	}
	ix.byName[e.Name] = int32(len(ix.entries))
	ix.entries = append(ix.entries, e)
}

// Len returns the number of messages.
func (ix *Index) Len() int { return len(ix.entries) }

// At returns entry i.
func (ix *Index) At(i int) Entry { return ix.entries[i] }

// Find returns the position of a name.
func (ix *Index) Find(name string) (int, bool) {
	i, ok := ix.byName[name]
	return int(i), ok
}

// Lookup returns the entry of a name.
func (ix *Index) Lookup(name string) (Entry, bool) {
	i, ok := ix.byName[name]
	if !ok {
		return Entry{}, false
	}
	return ix.entries[i], true
}
