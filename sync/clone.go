package sync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"smd-applet/sync/agreed"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/probe"
	"smd-applet/sync/translate"
	"smd-applet/sync/uniform"
)

// Survey is how much mail the two ends of an endpoint have, without what is
// excluded.
type Survey struct {
	Server string
	Here   probe.Volume
	There  *probe.Volume // nil: the server can't tell, it has no smd-applet or an old one
	Free   *int64        // bytes free here; nil: not known
	Begun  bool          // the ends have agreed on messages already: a copy goes on
}

// Survey measures both ends. Nothing is read but sizes, nothing changed.
func (s *Sessions) Survey(ctx context.Context, endpoint string) (*Survey, error) {
	e, err := config.Load(ctx, s.Paths, endpoint)
	if err != nil {
		return nil, named(err, endpoint, Both)
	}
	r := &session{Sessions: s.dry(), endpoint: e, direction: Pull, report: func(Progress) {}}
	v, err := r.survey(ctx)
	return v, named(err, endpoint, Both)
}

func (r *session) survey(ctx context.Context) (*Survey, error) {
	v := &Survey{Server: r.endpoint.ServerName}
	translator, err := translate.New(r.endpoint, r.Paths.Home)
	if err != nil {
		return nil, err
	}
	here, err := probe.Look(ctx, r.Paths.Home, r.endpoint.LocalMailboxes())
	if err == nil {
		err = here.Measure(ctx, r.Paths.Home)
	}
	if err != nil {
		return nil, err
	}
	host, err := r.host(ctx)
	if err != nil {
		return nil, err
	}
	there, _, err := r.ask(ctx, host, io.Discard, "--sizes")
	if err != nil && !fault.Is(err, fault.RemoteProgram) {
		return nil, err
	}
	if there != nil && r.endpoint.SubscribedOnly {
		if r.subscribed, err = there.Subscriptions(); err != nil {
			return nil, err
		}
	}
	leftOut, err := r.leftOut(translator)
	if err != nil {
		return nil, err
	}
	v.Here = here.Volume(leftOut.here)
	if there != nil {
		sum := there.Volume(leftOut.there)
		v.There = &sum
	}
	v.Free = free(here, r.Paths.Home)
	v.Begun, err = r.begun()
	return v, err
}

// free is the least room of the mailboxes here; where there is none yet that of
// the home, in which it will be made.
func free(a *probe.Answer, home string) *int64 {
	var least *int64
	for _, m := range a.Mailboxes {
		room := m.Free
		if m.Missing != "" {
			if n, err := probe.FreeBytes(home); err == nil {
				room = &n
			}
		}
		if room != nil && (least == nil || *room < *least) {
			least = room
		}
	}
	return least
}

// begun reports whether the ends have agreed on any message.
func (r *session) begun() (bool, error) {
	if st, err := os.Stat(r.files().DB); err == nil && st.Size() > 0 {
		return true, nil
	}
	path := stateFile(r.Paths, r.endpoint.ClientName, r.endpoint.RemoteMailboxes())
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	db, err := agreed.Open(path)
	if err != nil {
		return false, err
	}
	any := false
	err = db.View(func(tx *agreed.Tx) error {
		for f := range tx.Folders() {
			any = any || f.Count > 0
		}
		return nil
	})
	return any, errors.Join(err, db.Close())
}

// blockSize is what the end of a file may waste on most disks, in bytes.
const blockSize = 4096

// Missing is what is still to come, as far as sizes tell.
func (v *Survey) Missing() probe.Volume {
	if v.There == nil {
		return probe.Volume{}
	}
	return probe.Volume{Messages: max(0, v.There.Messages-v.Here.Messages), Bytes: max(0, v.There.Bytes-v.Here.Bytes)}
}

// Room is an error of kind [fault.DiskFull] when what is to come does not fit.
func (v *Survey) Room() error {
	missing := v.Missing()
	need := missing.Bytes + int64(missing.Messages)*blockSize
	if v.Free == nil || need <= *v.Free {
		return nil
	}
	return &fault.Error{
		Kind: fault.DiskFull, Op: "make room for the mail of", Path: v.Server,
		Err:  fmt.Errorf("about %d MB are needed, %d MB are free", need/1e6, *v.Free/1e6),
		Hint: "free some space, or leave folders out with EXCLUDE",
	}
}

// Foreign looks, before the first sync, whether the mailbox here has messages the
// server has not, or has by other names: then it is no copy of the server's, and
// the error is of kind [fault.Conflict]. Both ends read all their mail for that.
func (s *Sessions) Foreign(ctx context.Context, endpoint string) (err error) {
	e, err := config.Load(ctx, s.Paths, endpoint)
	if err != nil {
		return named(err, endpoint, Pull)
	}
	there, subscribed, err := s.remoteMessages(ctx, e)
	if err != nil {
		return named(err, endpoint, Pull)
	}
	store, here, err := s.localMessages(ctx, e, subscribed)
	if err != nil {
		return named(err, endpoint, Pull)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	contents := make(map[maildir.Sum]bool, len(there))
	for _, m := range there {
		contents[m.Sum] = true
	}
	extra := 0
	for _, m := range here {
		if !contents[m.Sum] {
			extra++
		}
	}
	f := &fault.Error{Kind: fault.Conflict, Op: "clone", Endpoint: endpoint}
	switch renames := len(uniform.Plan(here, there, false)); {
	case extra > 0:
		f.Err = fmt.Errorf("the mailbox here has %s that the server has not", messages(extra))
		f.Hint = "to bring both together, with all that either has: smd-applet clone --merge %s; to have only the server's, move the mailbox here away"
	case renames > 0:
		f.Err = fmt.Errorf("%s would be doubled: the server has the same by other names", messages(renames))
		f.Hint = "give them the server's names, then clone again: smd-uniform-names --apply %s"
	default:
		return nil
	}
	f.HintArgs = []any{endpoint}
	return f
}
