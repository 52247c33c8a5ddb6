package serve

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"smd-applet/sync/exclude"
	"smd-applet/sync/fault"
	"smd-applet/sync/guard"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
)

// scanned is what the names and times of a mailbox say before any message is read.
type scanned struct {
	old   *index.Index
	since int64 // files not touched since then (Unix ns) are as the agreed state says
	store *maildir.Store

	seen    []bool         // by entry
	kept    []bool         // by entry: not looked at (excluded, held), stays as it is
	check   []maildir.Name // known names whose content may have changed
	fresh   []maildir.Name // names the agreed state lacks
	damaged []string       // known messages that are now empty
	report  *maildir.Report
}

func scan(ctx context.Context, store *maildir.Store, old *index.Index, since time.Time, excluded func(string) bool) (*scanned, error) {
	s := &scanned{old: old, store: store, seen: make([]bool, old.Len()), kept: make([]bool, old.Len())}
	if !since.IsZero() {
		s.since = since.UnixNano()
	}
	var err error
	s.report, err = store.Scan(ctx, maildir.ScanOptions{Excluded: excluded}, func(l maildir.Listing) error {
		s.add(l)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.keepUnseen(excluded)
	if err := s.lookAgain(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *scanned) add(l maildir.Listing) {
	prefix := l.Folder + "/" + l.Sub + "/"
	for _, f := range l.Files {
		name := maildir.Name{Folder: l.Folder, Sub: l.Sub, File: f.Name}
		i, known := s.old.Find(prefix + f.Name)
		switch {
		case !known && f.Size == 0, !known && maildir.CheckPath(f.Name) != nil:
		case !known:
			s.fresh = append(s.fresh, name)
		case s.seen[i]:
		case f.Size == 0:
			// An empty file where a message was is damage, never an edit.
			s.seen[i] = true
			s.damaged = append(s.damaged, s.old.At(i).Name)
		default:
			s.seen[i] = true
			if s.since == 0 || f.Mtime >= s.since {
				s.check = append(s.check, name)
			}
		}
	}
}

// keepUnseen leaves messages below excluded folders and behind links that are
// not followed, and names this end's mailboxes have no place for, as the agreed
// state has them: not looked at is not gone.
func (s *scanned) keepUnseen(excluded func(string) bool) {
	folders := make(map[string]bool)
	links := make(map[string]bool, len(s.report.Skipped))
	for _, l := range s.report.Skipped {
		links[l] = true
	}
	for i, seen := range s.seen {
		if seen {
			continue
		}
		name, err := maildir.ParseName(s.old.At(i).Name)
		if err != nil {
			s.kept[i] = true
			continue
		}
		keep, ok := folders[name.Folder]
		if !ok {
			folder, err := s.store.Folder(name.Folder)
			keep = err != nil || exclude.Above(path.Join(folder.Path, "cur"), excluded) || exclude.Above(folder.Path, func(dir string) bool { return links[dir] })
			folders[name.Folder] = keep
		}
		s.kept[i] = keep || s.isLink(name, links)
	}
}

// isLink reports whether the message, or its cur or new, has become a link.
func (s *scanned) isLink(name maildir.Name, links map[string]bool) bool {
	if len(links) == 0 {
		return false
	}
	p, err := s.store.Place(name)
	return err == nil && (links[p.Path()] || links[path.Dir(p.Path())])
}

// isExcluded reports whether a local path, or one above it, is left out.
// lookAgain reads the folders that seem to have lost messages once more: a
// message renamed while its folder was read may have been missed under both
// names.
func (s *scanned) lookAgain(ctx context.Context) error {
	folders := make(map[string]bool)
	for i := range s.seen {
		if s.seen[i] || s.kept[i] {
			continue
		}
		if name, err := maildir.ParseName(s.old.At(i).Name); err == nil && s.report.Folders[name.Folder] {
			folders[name.Folder] = true
		}
	}
	if len(folders) == 0 {
		return nil
	}
	known := make(map[string]bool)
	for _, n := range s.fresh {
		if folders[n.Folder] {
			known[n.String()] = true
		}
	}
	for folder := range folders {
		local, err := s.store.Folder(folder)
		if err != nil {
			return err
		}
		for _, sub := range []string{"cur", "new"} {
			files, _, err := maildir.List(ctx, local, sub)
			if fault.Is(err, fault.FolderVanished) && !s.hadSub(local, sub) {
				continue
			}
			if err != nil {
				return err
			}
			files = slices.DeleteFunc(files, func(f maildir.File) bool { return known[folder+"/"+sub+"/"+f.Name] })
			s.add(maildir.Listing{Folder: folder, Local: local, Sub: sub, Files: files})
		}
	}
	return nil
}

// hadSub reports whether the folder has the directory now: one that was never
// there has not vanished.
func (s *scanned) hadSub(local maildir.Folder, sub string) bool {
	_, err := local.Root.Stat(local.Rel(sub, ""))
	return !errors.Is(err, fs.ErrNotExist)
}

// gone returns which entries have no file any more, none held back.
func (s *scanned) gone() []bool {
	gone := make([]bool, len(s.seen))
	for i := range gone {
		gone[i] = !s.seen[i] && !s.kept[i]
	}
	return gone
}

// perFolder counts, for the guard, what of the agreed state each folder would lose.
func (s *scanned) perFolder(lost []bool) []guard.Folder {
	gone := s.gone()
	byName := make(map[string]*guard.Folder)
	var order []*guard.Folder
	for i := range lost {
		e := s.old.At(i).Name
		name, err := maildir.ParseName(e)
		if err != nil {
			continue
		}
		f := byName[name.Folder]
		if f == nil {
			f = &guard.Folder{Name: name.Folder, Root: s.store.RootOf(name.Folder), Vanished: !s.report.Folders[name.Folder]}
			byName[name.Folder] = f
			order = append(order, f)
		}
		if gone[i] && !lost[i] {
			continue // moved away: no loss, but no longer there either
		}
		f.Total++
		if lost[i] {
			f.Deleted++
		}
	}
	folders := make([]guard.Folder, len(order))
	for i, f := range order {
		folders[i] = *f
	}
	slices.SortFunc(folders, func(a, b guard.Folder) int { return strings.Compare(a.Name, b.Name) })
	return folders
}

// hashed is a message that was read.
type hashed struct {
	name maildir.Name
	sum  maildir.Sum
	err  error
}

// readers is how many messages are read side by side.
const readers = 4

// sums reads messages side by side and hands them over in order. A message that
// went away meanwhile has [fs.ErrNotExist].
func (s *scanned) sums(ctx context.Context, names []maildir.Name, each func(hashed) error) error {
	type job struct {
		name   maildir.Name
		result chan hashed
	}
	g, ctx := errgroup.WithContext(ctx)
	jobs, inOrder := make(chan job), make(chan job, 4*readers)
	g.Go(func() error {
		defer close(jobs)
		defer close(inOrder)
		for _, n := range names {
			j := job{n, make(chan hashed, 1)}
			for _, to := range []chan job{jobs, inOrder} {
				select {
				case to <- j:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		return nil
	})
	for range readers {
		g.Go(func() error {
			h, buf := maildir.NewHasher(), make([]byte, 64<<10)
			for j := range jobs {
				r := hashed{name: j.name}
				r.sum, r.err = s.sum(j.name, h, buf)
				j.result <- r
			}
			return nil
		})
	}
	g.Go(func() error {
		for j := range inOrder {
			if err := each(<-j.result); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

func (s *scanned) sum(n maildir.Name, h *maildir.Hasher, buf []byte) (maildir.Sum, error) {
	p, err := s.store.Place(n)
	if err != nil {
		return maildir.Sum{}, err
	}
	sum, err := p.Sum(h, buf)
	if err != nil && !errors.Is(err, maildir.ErrEmpty) && !errors.Is(err, maildir.ErrNotMessage) && !errors.Is(err, fs.ErrNotExist) {
		return sum, fault.New(maildir.KindOf(err), "read", p.Path(), err)
	}
	return sum, err
}
