// Package probe is what one end says of itself and its mailboxes: which folders
// there are, what is subscribed to, how much room is left and what time it is. It
// speaks of folders, never of single messages, and changes nothing.
package probe

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/remote"
	"smd-applet/sync/subscribe"
	"smd-applet/sync/translate"
)

// Answer is what an end says.
type Answer struct {
	Version   string    `json:"version,omitempty"` // of its program
	Time      time.Time `json:"time"`
	Mailboxes []Mailbox `json:"mailboxes"`
	Free      *int64    `json:"free,omitempty"` // as a mailbox's, of the home; of a [Survey] only
}

// Mailbox is one mailbox root. All paths are below the home.
type Mailbox struct {
	Name string `json:"name"`
	// Missing says why there is no such mailbox, in words; the rest is empty then.
	Missing     string   `json:"missing,omitempty"`
	Folders     []string `json:"folders"`               // that may hold messages
	Directories []string `json:"directories,omitempty"` // the others
	Skipped     []string `json:"skipped,omitempty"`     // links not followed, and names no wire can carry
	Unreadable  []string `json:"unreadable,omitempty"`
	Free        *int64   `json:"free,omitempty"` // bytes on its disk that the user may fill; nil: not known
	ReadOnly    bool     `json:"readOnly,omitempty"`
	// Subscribed are the keys of its list of subscriptions; nil: there is none.
	Subscribed []string `json:"subscribed"`
	// Volumes is how much mail is in each folder; nil: not asked for.
	Volumes map[string]Volume `json:"volumes,omitempty"`
}

// Look finds out about mailboxes below home. It ends early only with ctx.
func Look(ctx context.Context, home string, mailboxes []string) (*Answer, error) {
	a := &Answer{Time: time.Now()}
	for _, name := range mailboxes {
		m, err := look(ctx, home, name)
		if err != nil {
			return nil, err
		}
		a.Mailboxes = append(a.Mailboxes, m)
	}
	return a, nil
}

func look(ctx context.Context, home, name string) (m Mailbox, err error) {
	m = Mailbox{Name: name}
	store, err := maildir.Open(home, []maildir.Box{{Local: name, Remote: name}}, translate.Identity(), false)
	if err != nil {
		m.Missing = fault.As(err).Error()
		if p := new(fs.PathError); errors.As(err, &p) {
			m.Missing = p.Err.Error()
		}
		return m, nil
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var seen []string
	report, err := store.Folders(ctx, maildir.ScanOptions{Excluded: func(dir string) bool {
		if base := filepath.Base(dir); base != "cur" && base != "new" {
			seen = append(seen, dir)
		}
		return false
	}})
	if err != nil {
		return m, err
	}
	m.Folders = slices.Sorted(maps.Keys(report.Folders))
	for _, dir := range seen {
		if !report.Folders[dir] {
			m.Directories = append(m.Directories, dir)
		}
	}
	slices.Sort(m.Directories)
	m.Skipped, m.Unreadable = report.Skipped, report.Unreadable
	dir := filepath.Join(home, name)
	if free, err := FreeBytes(dir); err == nil {
		m.Free = &free
	}
	m.ReadOnly = unix.Access(dir, unix.W_OK) != nil
	if lists, err := subscribe.Load(home, []string{name}); err == nil {
		m.Subscribed = lists[name].Keys()
	}
	return m, nil
}

// bounded is the size of so many blocks: not more than a number can hold that
// goes over the wire.
func bounded(blocks, blockSize uint64) int64 { return int64(min(blocks*blockSize, 1<<62)) }

// greeting begins an answer.
const greeting = "smd-applet probe 1\n"

// Write writes the answer for [Read].
func (a *Answer) Write(w io.Writer) error {
	if _, err := io.WriteString(w, greeting); err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(a)
}

// maxAnswer is what an answer may take before memory is taken no more, in bytes.
const maxAnswer = 32 << 20

// Read reads what [Answer.Write] wrote at the other end.
func Read(r io.Reader) (*Answer, error) {
	b := bufio.NewReader(io.LimitReader(r, remote.MaxNoise+maxAnswer))
	if remote.SkipTo(b, greeting) != nil {
		return nil, errors.New("it does not tell of itself")
	}
	a := new(Answer)
	if err := json.NewDecoder(b).Decode(a); err != nil {
		return nil, fmt.Errorf("what it tells of itself can't be read: %w", err)
	}
	return a, nil
}

// Subscriptions are the lists of all mailboxes. One that has none is an error of
// kind [fault.Config].
func (a *Answer) Subscriptions() (subscribe.Mailboxes, error) {
	lists := make(subscribe.Mailboxes, len(a.Mailboxes))
	for _, m := range a.Mailboxes {
		if m.Subscribed == nil {
			return nil, &fault.Error{
				Kind: fault.Config, Op: "read the subscriptions", Path: m.Name, Err: errors.New("the mail server keeps no list of them there"),
				Hint: "remove SUBSCRIBED_ONLY from the configuration, and name folders in EXCLUDE",
			}
		}
		lists[m.Name] = subscribe.Of(m.Subscribed)
	}
	return lists, nil
}
