// Package census counts the messages of mailboxes by folder and by content, finds
// what is double and what is no message, and compares two such counts message by
// message. Every message is read; nothing is changed.
package census

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
)

// Flaw is why a file in cur or new is no message that a sync carries.
type Flaw string

// The flaws.
const (
	Empty   Flaw = "empty"            // no bytes at all
	Unended Flaw = "no end of header" // no empty line after it
)

// Message is a file in a cur or new directory.
type Message struct {
	Name maildir.Name // Folder is a path below home
	Size int64        // bytes
	// Sum is its content. Of a file with a flaw, all bytes count as its header.
	Sum maildir.Sum
	// Bare is the digest of its header without [Options.Without]; it differs
	// from Sum.Header only where that is there.
	Bare maildir.Digest
	// Like is the digest of that with all white space in it alike: programs that
	// keep mail write headers anew. It is zero without [Options.Without].
	Like maildir.Digest
	Flaw Flaw // "" for a message
}

// Stripped is the content without [Options.Without].
func (m *Message) Stripped() maildir.Sum { return maildir.Sum{Header: m.Bare, Body: m.Sum.Body} }

// Alike is the content without [Options.Without] and whatever its white space.
func (m *Message) Alike() maildir.Sum { return maildir.Sum{Header: m.Like, Body: m.Sum.Body} }

// Marked reports whether it has [Options.Without].
func (m *Message) Marked() bool { return m.Bare != m.Sum.Header }

// Census is all that is in some mailboxes.
type Census struct {
	Messages []Message // by folder, cur before new, sorted by name
	Strays   []Stray   // sorted by path
	Folders  []string  // with a cur or new, sorted; paths below home
}

// Options say what a census counts, and how.
type Options struct {
	// Excluded leaves out folders, as [maildir.ScanOptions] has it.
	Excluded func(local string) bool
	Without  string          // a header to leave out of Bare and Like; may be empty
	Mailbox  []string        // the roots below home, to look for strays in
	Progress func(files int) // is told of each folder read; may be nil
}

// Take counts the mailboxes of a store. Files that go away meanwhile are left
// out. A folder that can't be read is an error, as in [maildir.Store.Scan].
func Take(ctx context.Context, store *maildir.Store, o Options) (*Census, error) {
	c := &Census{}
	strays, err := walk(ctx, store, o, func(messages []Message) error {
		c.Messages = append(c.Messages, messages...)
		return nil
	}, func(folder string) error {
		c.Folders = append(c.Folders, folder)
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.Strays = strays
	c.Folders = sortedOnce(c.Folders)
	return c, nil
}

// sortedOnce sorts folders; a scan comes to the root twice, before and after those
// in it.
func sortedOnce(folders []string) []string {
	slices.Sort(folders)
	return slices.Compact(folders)
}

// walk reads the mailboxes one directory at a time, with all processors, and
// hands on what is in each; of the folder it tells first.
func walk(ctx context.Context, store *maildir.Store, o Options, each func([]Message) error, folder func(string) error) ([]Stray, error) {
	var strays []Stray
	readers := make([]*reader, 2*runtime.GOMAXPROCS(0)) // some wait for the disk
	for i := range readers {
		readers[i] = newReader(o.Without)
		defer readers[i].close()
	}
	last, files := "", 0
	// No stray is swept: a census changes nothing.
	report, err := store.Scan(ctx, maildir.ScanOptions{Excluded: o.Excluded, StrayAge: math.MaxInt64}, func(l maildir.Listing) error {
		if l.Local.Path != last {
			last = l.Local.Path
			if err := folder(l.Local.Path); err != nil {
				return err
			}
		}
		l.Files = slices.DeleteFunc(l.Files, func(f maildir.File) bool {
			bad := maildir.CheckPath(f.Name) != nil
			if bad {
				strays = append(strays, Stray{BadName, l.Local.Path + "/" + l.Sub + "/" + f.Name})
			}
			return bad
		})
		messages, err := readAll(ctx, l, readers)
		if err != nil {
			return err
		}
		if files += len(messages); o.Progress != nil {
			o.Progress(files)
		}
		return each(messages)
	})
	if err != nil {
		return nil, err
	}
	for _, s := range report.Skipped {
		strays = append(strays, Stray{Link, s})
	}
	more, err := findStrays(ctx, store.Home(), o)
	if err != nil {
		return nil, err
	}
	strays = append(strays, more...)
	slices.SortFunc(strays, func(a, b Stray) int { return strings.Compare(a.Path, b.Path) })
	return slices.Compact(strays), nil
}

// readAll reads the messages of one directory; those that are gone are left out.
func readAll(ctx context.Context, l maildir.Listing, readers []*reader) ([]Message, error) {
	messages := make([]Message, len(l.Files))
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range readers[:min(len(readers), len(l.Files))] {
		defer r.close() // the directory may be another one the next time
		group.Go(func() error {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(l.Files) {
					return nil
				}
				m := &messages[i]
				m.Name = maildir.Name{Folder: l.Local.Path, Sub: l.Sub, File: l.Files[i].Name}
				err := r.read(maildir.Place{Folder: l.Local, Sub: l.Sub, File: m.Name.File}, m)
				switch {
				case errors.Is(err, fs.ErrNotExist):
					m.Name.File = ""
				case err != nil:
					return fault.New(maildir.KindOf(err), "read", m.Name.String(), err)
				}
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(messages, func(m Message) bool { return m.Name.File == "" }), nil
}
