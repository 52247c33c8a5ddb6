package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"smd-applet/sync/durable"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
)

// Ledger is what one end remembers besides the agreed state, which smd 1.3 has
// no words for: deletions held back, and messages to fetch again.
type Ledger struct {
	path string

	// HeldHere are messages the other end deleted and the guard kept at this
	// end. The agreed state no longer has them; a push leaves them out.
	HeldHere map[string]maildir.Sum
	// HeldThere are messages that are gone at this end and whose deletion is
	// not sent: the agreed state still has them.
	HeldThere map[string]maildir.Sum
	// DeleteHere are held messages a person gave up: the next run removes them.
	DeleteHere map[string]maildir.Sum
	// DeleteThere are those whose deletion the next push may send.
	DeleteThere map[string]maildir.Sum
	// Fetch are messages to get again from the other end at the next pull:
	// restored ones, and those found damaged here.
	Fetch map[string]maildir.Sum
}

type ledgerFile struct {
	Version     int           `json:"version"`
	HeldHere    []ledgerEntry `json:"heldHere,omitempty"`
	HeldThere   []ledgerEntry `json:"heldThere,omitempty"`
	DeleteHere  []ledgerEntry `json:"deleteHere,omitempty"`
	DeleteThere []ledgerEntry `json:"deleteThere,omitempty"`
	Fetch       []ledgerEntry `json:"fetch,omitempty"`
}

type ledgerEntry struct {
	Name   string `json:"name"`
	Header string `json:"header"`
	Body   string `json:"body"`
}

// LoadLedger reads the ledger at path; a missing one is empty.
func LoadLedger(path string) (*Ledger, error) {
	l := &Ledger{path: path}
	var file ledgerFile
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(b, &file); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	for _, m := range []struct {
		to   *map[string]maildir.Sum
		from []ledgerEntry
	}{
		{&l.HeldHere, file.HeldHere},
		{&l.HeldThere, file.HeldThere},
		{&l.DeleteHere, file.DeleteHere},
		{&l.DeleteThere, file.DeleteThere},
		{&l.Fetch, file.Fetch},
	} {
		if *m.to, err = toMap(m.from); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return l, nil
}

func toMap(entries []ledgerEntry) (map[string]maildir.Sum, error) {
	m := make(map[string]maildir.Sum, len(entries))
	for _, e := range entries {
		parsed, err := index.ParseLine(e.Header + " " + e.Body + " " + unquoted(e.Name))
		if err != nil {
			return nil, err
		}
		m[parsed.Name] = parsed.Sum
	}
	return m, nil
}

// quoted is a name as JSON can hold it, which has no bytes but those of UTF-8:
// such a name stands in quotes, as Go writes them.
func quoted(name string) string {
	if utf8.ValidString(name) && !strings.HasPrefix(name, `"`) {
		return name
	}
	return strconv.Quote(name)
}

func unquoted(name string) string {
	if plain, err := strconv.Unquote(name); err == nil && strings.HasPrefix(name, `"`) {
		return plain
	}
	return name
}

func toList(m map[string]maildir.Sum) []ledgerEntry {
	var list []ledgerEntry
	for name, sum := range m {
		list = append(list, ledgerEntry{quoted(name), sum.Header.String(), sum.Body.String()})
	}
	return list
}

// Save writes the ledger durably; an empty one is removed.
func (l *Ledger) Save() error {
	if len(l.HeldHere)+len(l.HeldThere)+len(l.DeleteHere)+len(l.DeleteThere)+len(l.Fetch) == 0 {
		if err := os.Remove(l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return durable.WriteFile(l.path, 0o600, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", " ")
		return enc.Encode(ledgerFile{
			Version: 1, HeldHere: toList(l.HeldHere), HeldThere: toList(l.HeldThere),
			DeleteHere: toList(l.DeleteHere), DeleteThere: toList(l.DeleteThere), Fetch: toList(l.Fetch),
		})
	})
}

// Confirm lets the held deletions happen.
func (l *Ledger) Confirm() {
	move(l.HeldHere, l.DeleteHere)
	move(l.HeldThere, l.DeleteThere)
}

// Restore undoes the held deletions: what is kept here is sent again, what is
// gone here is fetched again.
func (l *Ledger) Restore() {
	clear(l.HeldHere)
	move(l.HeldThere, l.Fetch)
}

func move(from, to map[string]maildir.Sum) {
	for name, sum := range from {
		to[name] = sum
	}
	clear(from)
}
