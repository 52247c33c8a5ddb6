package maildir

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	stdsync "sync"
	"sync/atomic"
	"time"
)

// Name is a message's place: folder, sub-directory and file name. Folder
// includes the mailbox root ("Mail/.work"), Sub is "cur" or "new".
type Name struct {
	Folder, Sub, File string
}

// String returns the name as it stands on the wire.
func (n Name) String() string { return n.Folder + "/" + n.Sub + "/" + n.File }

// Unique returns the part of the file name that stays when flags change.
func (n Name) Unique() string { u, _ := SplitFlags(n.File); return u }

// Flags returns the flags of the file name, "" when it has none.
func (n Name) Flags() string { _, f := SplitFlags(n.File); return f }

// Size returns the size of the message in bytes where its name tells it, as
// Dovecot's and Courier's do (Maildir++: ",S=" in the unique name).
func (n Name) Size() (size int64, known bool) {
	for field := range strings.SplitSeq(n.Unique(), ",") {
		if digits, found := strings.CutPrefix(field, "S="); found {
			size, err := strconv.ParseInt(digits, 10, 64)
			return size, err == nil && size >= 0
		}
	}
	return 0, false
}

// ErrBadName is what a name is refused with that could leave the mailbox or
// break a line-based protocol.
var ErrBadName = errors.New("unacceptable name")

// maxName and maxPath are the bounds of a path component and a whole name, in
// bytes (design, safety rule 4; Linux NAME_MAX and PATH_MAX).
const (
	maxName = 255
	maxPath = 4096
)

// ParseName splits a message's name as a peer or a db-file states it. It
// refuses with [ErrBadName] whatever is absolute, climbs with "..", has control
// bytes, is too long, or does not lie directly in a cur or new directory.
func ParseName(s string) (Name, error) {
	if err := CheckPath(s); err != nil {
		return Name{}, err
	}
	dir, file := path.Split(s)
	folder, sub := path.Split(strings.TrimSuffix(dir, "/"))
	n := Name{Folder: strings.TrimSuffix(folder, "/"), Sub: sub, File: file}
	if n.Folder == "" || (sub != "cur" && sub != "new") {
		return Name{}, fmt.Errorf("%w %q: not directly in cur or new", ErrBadName, clip(s))
	}
	return n, nil
}

// CheckPath refuses with [ErrBadName] a relative path that is not clean and
// confined: see [ParseName].
func CheckPath(s string) error {
	if s == "" || len(s) > maxPath {
		return fmt.Errorf("%w: %d bytes long", ErrBadName, len(s))
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return fmt.Errorf("%w %q: control byte", ErrBadName, clip(s))
		}
	}
	for part := range strings.SplitSeq(s, "/") {
		switch {
		case part == "" || part == "." || part == "..":
			return fmt.Errorf("%w %q: absolute, empty or dotted component", ErrBadName, clip(s))
		case len(part) > maxName:
			return fmt.Errorf("%w %q: component over %d bytes", ErrBadName, clip(s), maxName)
		}
	}
	return nil
}

func clip(s string) string {
	if len(s) > 120 {
		return s[:120] + "…"
	}
	return s
}

const infoMark = ":2,"

// SplitFlags splits a Maildir file name into unique name and flags: the letters
// after ":2," (Maildir spec). A name without info has no flags.
func SplitFlags(file string) (unique, flags string) {
	if i := strings.LastIndex(file, infoMark); i >= 0 {
		return file[:i], file[i+len(infoMark):]
	}
	return file, ""
}

// JoinFlags is the inverse of [SplitFlags] for a file in cur: the flags are
// sorted and each stands once, as the Maildir spec demands.
func JoinFlags(unique, flags string) string {
	b := []byte(flags)
	slices.Sort(b)
	return unique + infoMark + string(slices.Compact(b))
}

// MergeFlags is the three-way merge of flags: one set or cleared on either side
// wins over one untouched (design, "Conflicts").
func MergeFlags(base, mine, theirs string) string {
	var merged []byte
	for _, f := range []byte(base + mine + theirs) {
		b, m, t := strings.IndexByte(base, f) >= 0, strings.IndexByte(mine, f) >= 0, strings.IndexByte(theirs, f) >= 0
		if (b && m && t) || (!b && (m || t)) {
			merged = append(merged, f)
		}
	}
	slices.Sort(merged)
	return string(slices.Compact(merged))
}

var (
	hostOnce stdsync.Once
	hostName string
	sequence atomic.Uint64
	pid      = os.Getpid()
)

// FreshUnique returns a unique name no other delivery uses: time, microseconds,
// process, sequence number and host, with '/' and ':' in the host escaped
// (Maildir spec).
func FreshUnique() string {
	hostOnce.Do(func() {
		hostName, _ = os.Hostname()
		if hostName == "" {
			hostName = "localhost"
		}
		hostName = strings.NewReplacer("/", `\057`, ":", `\072`).Replace(hostName)
	})
	now := time.Now()
	return fmt.Sprintf("%d.M%dP%dQ%d.%s", now.Unix(), now.Nanosecond()/1000, pid, sequence.Add(1), hostName)
}
