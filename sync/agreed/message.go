package agreed

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"smd-applet/sync/maildir"
)

// Key names a message within a mailbox: the remote path of its folder
// ("Mail/.work") and the part of its file name that stays when flags change.
type Key struct {
	Folder string `cbor:"1,keyasint"`
	Unique string `cbor:"2,keyasint"`
}

// String returns the key as a path without its sub-directory, for people.
func (k Key) String() string { return k.Folder + "/" + k.Unique }

// Compare orders keys by folder, then by unique name, as the store does.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Folder, other.Folder), cmp.Compare(k.Unique, other.Unique))
}

// Mark is what changes of a message when it is read, flagged or seen: its
// sub-directory, "cur" or "new", and the rest of the file name, "" or ":2,"
// with flags (Maildir spec).
type Mark struct {
	Sub  string `cbor:"1,keyasint"`
	Info string `cbor:"2,keyasint,omitempty"`
}

// Flags returns the flags of the mark.
func (m Mark) Flags() string {
	_, flags := maildir.SplitFlags(m.Info)
	return flags
}

// Name returns the message's name with that mark.
func (k Key) Name(m Mark) maildir.Name {
	return maildir.Name{Folder: k.Folder, Sub: m.Sub, File: k.Unique + m.Info}
}

// Split is the inverse of [Key.Name].
func Split(n maildir.Name) (Key, Mark) {
	unique := n.Unique()
	return Key{n.Folder, unique}, Mark{n.Sub, strings.TrimPrefix(n.File, unique)}
}

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// String returns the digest in lower-case hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// UnmarshalBinary takes a digest off the wire or out of a store; another length
// than a SHA-256 has is an error.
func (d *Digest) UnmarshalBinary(b []byte) error {
	if len(b) != len(d) {
		return fmt.Errorf("a digest has %d bytes, not %d", len(d), len(b))
	}
	copy(d[:], b)
	return nil
}

// Sum identifies a message by content: the digests of its header (all bytes up to
// and including the first empty line) and of its body.
type Sum struct {
	Header Digest `cbor:"1,keyasint"`
	Body   Digest `cbor:"2,keyasint"`
}

// Unread is the Sum of a message nobody has read yet.
var Unread Sum

// Seen is what the file system said of a message's file when it last had the
// content agreed on: as long as it says the same, the file is not read again.
// The zero Seen matches no file.
type Seen struct {
	Mtime int64 // Unix time in nanoseconds
	Size  int64 // bytes
	Ino   uint64
}

// Record is one message of the agreed state.
type Record struct {
	Mark Mark
	Sum  Sum
	Size int64 // bytes
	Seen Seen  // this end's alone: no part of any digest
}

// Entry is a message as both ends have it, or are to have it.
type Entry struct {
	Key  Key   `cbor:"1,keyasint"`
	Mark Mark  `cbor:"2,keyasint"`
	Sum  Sum   `cbor:"3,keyasint"`
	Size int64 `cbor:"4,keyasint,omitempty"` // bytes
}
