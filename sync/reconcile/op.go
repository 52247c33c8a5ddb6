package reconcile

import "smd-applet/sync/agreed"

// OpKind is what an end is to do.
type OpKind uint8

// The kinds of op.
const (
	Put          OpKind = iota + 1 // take a message from the other end, under a place that is free
	Replace                        // take the message's new content from the other end
	Rename                         // give the message another place or mark
	Remove                         // remove the message
	MakeFolder                     // make a folder with cur, new and tmp
	RemoveFolder                   // remove a folder in which nothing is left
)

// Op is one thing an end is to do. It applies only while the message there is
// still as the op says: Key, From and Was.
type Op struct {
	Kind OpKind      `cbor:"1,keyasint"`
	Key  agreed.Key  `cbor:"2,keyasint"`           // the message as this end has it; of a folder op only the folder
	From agreed.Mark `cbor:"3,keyasint,omitzero"`  // its mark at this end; not for Put
	Was  agreed.Sum  `cbor:"4,keyasint,omitzero"`  // its content at this end; not for Put
	To   agreed.Key  `cbor:"5,keyasint,omitzero"`  // where it is to be: Put, Replace, Rename
	Mark agreed.Mark `cbor:"6,keyasint,omitzero"`  // the mark it is to have: Put, Replace, Rename
	Sum  agreed.Sum  `cbor:"7,keyasint,omitzero"`  // the content it is to have: Put, Replace; unread where the sender did not read it
	Size int64       `cbor:"8,keyasint,omitempty"` // bytes: Put, Replace
}
