// Package stripheader removes a header from the messages of a mailbox, such as
// those a former sync program left behind. Bodies are not touched, whatever they
// look like; a message is replaced whole or not at all, and keeps its name and
// its time.
package stripheader

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"runtime"
	stdsync "sync"

	"golang.org/x/sync/errgroup"

	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
)

// CheckName refuses what is no header's name (RFC 5322 §3.6.8).
func CheckName(name string) error {
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f || c == ':' {
			return fmt.Errorf("%q is no header's name", name)
		}
	}
	if name == "" {
		return errors.New("the header has no name")
	}
	return nil
}

// Copy copies a message and leaves out every header called name, in any case,
// with its folded lines. It returns how many it left out.
func Copy(to io.Writer, from io.Reader, name string) (removed int, err error) {
	r, w := bufio.NewReader(from), bufio.NewWriter(to)
	prefix := []byte(name + ":")
	leave, start := false, true // of the header the line belongs to; at the start of a line
	for {
		line, err := r.ReadSlice('\n')
		if start && len(line) > 0 {
			switch {
			case line[0] == '\n', bytes.HasPrefix(line, []byte("\r\n")): // the body begins
				if _, err := w.Write(line); err != nil {
					return removed, err
				}
				if _, err := io.Copy(w, r); err != nil {
					return removed, err
				}
				return removed, w.Flush()
			case line[0] != ' ' && line[0] != '\t':
				if leave = len(line) >= len(prefix) && bytes.EqualFold(line[:len(prefix)], prefix); leave {
					removed++
				}
			}
		}
		if !leave {
			if _, err := w.Write(line); err != nil {
				return removed, err
			}
		}
		start = !errors.Is(err, bufio.ErrBufferFull) // a long line goes on
		switch {
		case err == nil || !start:
		case errors.Is(err, io.EOF):
			return removed, w.Flush()
		default:
			return removed, err
		}
	}
}

// Progress is how far a run over a mailbox is.
type Progress struct {
	Messages int // looked at
	Changed  int // rewritten
}

// Mailbox strips the header from every message of the mailboxes of a store,
// several at a time. In a dry run it only counts. A message that changes
// meanwhile is left as it is. The caller holds the mailbox lock.
func Mailbox(ctx context.Context, store *maildir.Store, name string, dryRun bool, report func(Progress)) (Progress, error) {
	var mu stdsync.Mutex
	var p Progress
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0)) // they wait for the disk
	// No stray is swept: our own temporary files have the times of old messages.
	_, err := store.Scan(ctx, maildir.ScanOptions{StrayAge: math.MaxInt64}, func(l maildir.Listing) error {
		for _, f := range l.Files {
			place := maildir.Place{Folder: l.Local, Sub: l.Sub, File: f.Name}
			group.Go(func() error {
				changed, err := message(ctx, place, name, dryRun)
				mu.Lock()
				defer mu.Unlock()
				p.Messages++
				if changed {
					p.Changed++
				}
				report(p)
				return err
			})
		}
		return nil
	})
	err = errors.Join(err, group.Wait())
	return p, err
}

// message strips the header from one message.
func message(ctx context.Context, place maildir.Place, name string, dryRun bool) (changed bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	failed := func(err error) error {
		return fault.New(maildir.KindOf(err), "strip the header of", place.Path(), err)
	}
	in, err := place.Open()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // renamed meanwhile; another run finds it
	}
	if err != nil {
		return false, failed(err)
	}
	defer in.Close()
	removed, err := Copy(io.Discard, in, name)
	if err != nil {
		return false, failed(err)
	}
	if removed == 0 || dryRun {
		return removed > 0, nil
	}
	before, err := in.Stat()
	if err == nil {
		_, err = in.Seek(0, io.SeekStart)
	}
	if err != nil {
		return false, failed(err)
	}
	temp, err := rewrite(place, in, name, before)
	if err != nil {
		return false, failed(err)
	}
	if now, err := place.Stat(); err != nil || !os.SameFile(before, now) || now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime()) {
		return false, temp.Remove()
	}
	if err := place.ReplaceWith(temp); err != nil {
		return false, failed(errors.Join(err, temp.Remove()))
	}
	return true, nil
}

// rewrite writes the message without the header beside it, durably, with its
// time and mode.
func rewrite(place maildir.Place, in io.Reader, name string, was fs.FileInfo) (maildir.Place, error) {
	if err := place.Folder.Make(); err != nil { // tmp may be missing
		return maildir.Place{}, err
	}
	out, temp, err := place.Folder.CreateTemp()
	if err != nil {
		return maildir.Place{}, err
	}
	_, err = Copy(out, in, name)
	err = errors.Join(err, out.Chmod(was.Mode().Perm()), out.Sync(), out.Close())
	if err == nil {
		err = place.Folder.Root.Chtimes(temp.Rel(), was.ModTime(), was.ModTime())
	}
	if err != nil {
		return maildir.Place{}, errors.Join(err, temp.Remove())
	}
	return temp, nil
}
