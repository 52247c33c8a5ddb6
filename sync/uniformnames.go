package sync

import (
	"context"
	"errors"
	"fmt"
	"path"

	"smd-applet/sync/config"
	"smd-applet/sync/delta"
	"smd-applet/sync/exclude"
	"smd-applet/sync/fault"
	"smd-applet/sync/lock"
	"smd-applet/sync/maildir"
	"smd-applet/sync/subscribe"
	"smd-applet/sync/translate"
	"smd-applet/sync/uniform"
)

// noState is an agreed state that neither end has: the other end then tells all
// its messages as new.
const noState = ".smd/no-such-state"

// UniformNames finds which local messages are to be renamed so that both ends
// have the same names for the same content, and renames them where apply asks
// for it. It is for the time before the first sync: with an agreed state it is
// an error of kind [fault.Config].
func (s *Sessions) UniformNames(ctx context.Context, endpoint string, across, apply bool) (plan []uniform.Rename, err error) {
	e, err := config.Load(ctx, s.Paths, endpoint)
	if err != nil {
		return nil, err
	}
	r := &session{Sessions: s, endpoint: e, direction: Pull, report: func(Progress) {}}
	if !r.isNew() {
		return nil, &fault.Error{
			Kind: fault.Config, Op: "make names uniform", Path: r.files().DB,
			Err:  errors.New("the two ends have synced before, and agreed on names"),
			Hint: "there is nothing to do: a sync keeps the names the same",
		}
	}
	there, subscribed, err := s.remoteMessages(ctx, e)
	if err != nil {
		return nil, named(err, endpoint, Pull)
	}
	held, err := lock.Acquire(ctx, s.Paths.Home, mailboxWait, r.lockNames()...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	store, here, err := s.localMessages(ctx, e, subscribed)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	plan = uniform.Plan(here, there, across)
	for i := 0; apply && i < len(plan); i++ {
		if err := rename(store, plan[i]); err != nil {
			return plan[:i], err
		}
	}
	return plan, nil
}

// remoteMessages asks the other end for all its messages, by a dry run that
// begins with nothing agreed. It also returns what is subscribed to there, where
// that counts.
func (s *Sessions) remoteMessages(ctx context.Context, e *config.Endpoint) ([]uniform.Message, subscribe.Mailboxes, error) {
	var all []uniform.Message
	r := &session{Sessions: s.dry(), endpoint: e, direction: Pull, report: func(Progress) {}, nothingAgreed: true}
	r.told = func(store *maildir.Store, a delta.Action) {
		if n, err := maildir.ParseName(a.Dst); err == nil && a.Kind != delta.Delete {
			if p, err := store.Place(n); err == nil {
				all = append(all, uniform.Message{Name: maildir.Name{Folder: p.Folder.Path, Sub: p.Sub, File: p.File}, Sum: a.Sum})
			}
		}
	}
	_, err := r.locked(ctx)
	return all, r.subscribed, err
}

// localMessages reads every message of the local mailboxes that is not excluded,
// under local names. subscribed is nil where subscriptions don't count.
func (s *Sessions) localMessages(ctx context.Context, e *config.Endpoint, subscribed subscribe.Mailboxes) (*maildir.Store, []uniform.Message, error) {
	store, err := maildir.Open(s.Paths.Home, maildir.SameBoxes(e.LocalMailboxes()), translate.Identity(), false)
	if err != nil {
		return nil, nil, err
	}
	translator, err := translate.New(e, s.Paths.Home)
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	excludes, err := exclude.New(e.ExcludeLocal, e.LocalMailboxes()...)
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	excluded := excludes.Match
	if subscribed != nil {
		excluded = subscribed.Excluded(excluded, translator.Remote)
	}
	var all []uniform.Message
	h, buf := maildir.NewHasher(), make([]byte, 64<<10)
	_, err = store.Scan(ctx, maildir.ScanOptions{Excluded: excluded}, func(l maildir.Listing) error {
		for _, f := range l.Files {
			place := maildir.Place{Folder: l.Local, Sub: l.Sub, File: f.Name}
			sum, err := place.Sum(h, buf)
			if errors.Is(err, maildir.ErrEmpty) || errors.Is(err, maildir.ErrNotMessage) {
				continue
			}
			if err != nil {
				return fault.New(maildir.KindOf(err), "read", place.Path(), err)
			}
			all = append(all, uniform.Message{Name: maildir.Name{Folder: l.Folder, Sub: l.Sub, File: f.Name}, Sum: sum})
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return store, all, nil
}

// rename carries out one rename; nothing is ever replaced by it.
func rename(store *maildir.Store, r uniform.Rename) error {
	from, err := store.Place(r.From)
	if err != nil {
		return err
	}
	to, err := store.Place(r.To)
	if err == nil {
		err = to.Folder.Make()
	}
	if err == nil {
		err = from.MoveTo(to)
	}
	if err != nil {
		return fault.New(maildir.KindOf(err), "rename", from.Path(), fmt.Errorf("to %s: %w", path.Join(r.To.Folder, r.To.Sub, r.To.File), err))
	}
	return nil
}
