package twoway

import (
	"errors"

	"smd-applet/sync/agreed"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
)

// checkName refuses, as [fault.Protocol], a place no message can have: one that
// could lie outside its folder, or whose mark is a part of another unique name.
func checkName(k agreed.Key, m agreed.Mark) error {
	want := k.Name(m)
	n, err := maildir.ParseName(want.String())
	if err == nil && (n != want || n.Unique() != k.Unique) {
		err = errors.New("not the name of a message")
	}
	if err != nil {
		return fault.New(fault.Protocol, "receive", want.String(), err)
	}
	return nil
}

// checkFolder refuses, as [fault.Protocol], a folder that lies in no mailbox.
func (e *End) checkFolder(remote string) error {
	err := maildir.CheckPath(remote)
	if err == nil && e.Store.RootOf(remote) == "" {
		err = errors.New("outside the mailboxes")
	}
	if err != nil {
		return fault.New(fault.Protocol, "receive", remote, err)
	}
	return nil
}
