package probe

import (
	"context"
	"errors"
	"math"

	"smd-applet/sync/maildir"
	"smd-applet/sync/translate"
)

// Volume is how much mail there is.
type Volume struct {
	Messages int   `json:"messages"`
	Bytes    int64 `json:"bytes"` // their content, not what they take on the disk
}

// Measure adds to an answer how much mail is in each folder. Every message is
// looked at for its size, and none is read. A mailbox that is missing has none.
func (a *Answer) Measure(ctx context.Context, home string) error {
	for i := range a.Mailboxes {
		m := &a.Mailboxes[i]
		if m.Missing != "" {
			continue
		}
		volumes, err := measure(ctx, home, m.Name)
		if err != nil {
			return err
		}
		m.Volumes = volumes
	}
	return nil
}

func measure(ctx context.Context, home, name string) (volumes map[string]Volume, err error) {
	store, err := maildir.Open(home, []maildir.Box{{Local: name, Remote: name}}, translate.Identity(), false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	volumes = make(map[string]Volume)
	// Nothing is changed, so no stray is swept.
	_, err = store.Scan(ctx, maildir.ScanOptions{StrayAge: math.MaxInt64}, func(l maildir.Listing) error {
		v := volumes[l.Local.Path]
		v.Messages += len(l.Files)
		for _, f := range l.Files {
			v.Bytes += f.Size
		}
		volumes[l.Local.Path] = v
		return nil
	})
	return volumes, err
}

// Volume adds up the folders that are not left out.
func (a *Answer) Volume(leftOut func(folder string) bool) Volume {
	var sum Volume
	for _, m := range a.Mailboxes {
		for folder, v := range m.Volumes {
			if !leftOut(folder) {
				sum.Messages += v.Messages
				sum.Bytes += v.Bytes
			}
		}
	}
	return sum
}
