package reconcile

import "smd-applet/sync/agreed"

// Kind is what an end did to a message since the last agreement.
type Kind uint8

// The kinds of change.
const (
	New     Kind = iota + 1 // a message the agreed state does not have
	Gone                    // no longer there
	Moved                   // to another folder or unique name, with the same content
	Marked                  // other flags, or new → cur
	Edited                  // other content, perhaps other flags too
	Damaged                 // empty, or without the end of its header: never sent, replaced by the other end's
)

// Change is the difference of one message at one end from the agreed state.
type Change struct {
	Kind Kind        `cbor:"1,keyasint"`
	Key  agreed.Key  `cbor:"2,keyasint"`           // as agreed; of the message itself where it is New
	To   agreed.Key  `cbor:"3,keyasint,omitzero"`  // where it is now, when Moved
	Mark agreed.Mark `cbor:"4,keyasint,omitzero"`  // as it is now, not when Gone
	Sum  agreed.Sum  `cbor:"5,keyasint,omitzero"`  // as it is now; [agreed.Unread] of a New one that nobody had to read yet
	Size int64       `cbor:"6,keyasint,omitempty"` // bytes, as it is now
}

// Place is where the message is now, at the end that made the change.
func (c Change) Place() agreed.Key {
	if c.Kind == Moved {
		return c.To
	}
	return c.Key
}
