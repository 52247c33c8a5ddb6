package census

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
)

// Stray is something in a mailbox that is no message.
type Stray struct {
	Kind StrayKind `json:"kind"`
	Path string    `json:"path"` // below home
}

// StrayKind says what a stray is.
type StrayKind string

// The kinds of strays.
const (
	Link       StrayKind = "link"        // a symbolic link that no sync follows
	BadName    StrayKind = "bad-name"    // in cur or new, under a name that nothing can carry
	Hidden     StrayKind = "hidden"      // in cur or new, with a dot in front
	Misplaced  StrayKind = "misplaced"   // a file outside of cur, new and tmp; or a folder in them
	Temporary  StrayKind = "temporary"   // in tmp: on its way, or left behind
	Special    StrayKind = "special"     // a pipe, socket or device
	ServerFile StrayKind = "server-file" // what an IMAP server or a sync program keeps there
)

// Keepers' files are those of IMAP servers and of programs that sync with them,
// by how their names begin.
var keepers = []string{
	"dovecot", ".dovecot", "courierimap", "courierpop3", "maildirfolder", "maildirsize", "maildirlock", "subscriptions", ".subscriptions",
	":list", ".uidvalidity", ".mbsyncstate", "cyrus.", ".imap", ".customflags", "sieve", ".lda-dupes", "shared-maildirs", "shared-timestamp",
}

// IsServerFile reports whether a file of that name beside cur, new and tmp is one
// that an IMAP server or a program like mbsync keeps for itself.
func IsServerFile(name string) bool {
	for _, k := range keepers {
		if strings.HasPrefix(name, k) {
			return true
		}
	}
	return false
}

// IsNotmuch reports whether a directory is notmuch's own.
func IsNotmuch(name string) bool { return name == ".notmuch" }

// findStrays looks at everything below the mailboxes that is no message. What
// goes away meanwhile is left out.
func findStrays(ctx context.Context, home string, o Options) (strays []Stray, err error) {
	for _, mailbox := range o.Mailbox {
		root, err := os.OpenRoot(filepath.Join(home, mailbox))
		if err != nil {
			return nil, fault.New(maildir.KindOf(err), "open the mailbox", mailbox, err)
		}
		err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
			if err == nil {
				err = ctx.Err()
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return fault.New(maildir.KindOf(err), "look for strays in", path.Join(mailbox, name), err)
			}
			local := path.Join(mailbox, name)
			if e.IsDir() && (IsNotmuch(e.Name()) || o.Excluded != nil && o.Excluded(local)) {
				return fs.SkipDir
			}
			if kind := strayKind(name, e); kind != "" {
				strays = append(strays, Stray{kind, local})
			}
			return nil
		})
		if err := errors.Join(err, root.Close()); err != nil {
			return nil, err
		}
	}
	return strays, nil
}

// strayKind judges an entry of a mailbox by its path; "" is what belongs there.
func strayKind(name string, e fs.DirEntry) StrayKind {
	in := path.Base(path.Dir(name))
	messages := in == "cur" || in == "new"
	switch {
	case e.Type()&fs.ModeSymlink != 0:
		return linkKind(name)
	case e.IsDir():
		if messages || in == "tmp" {
			return Misplaced
		}
		return ""
	case !e.Type().IsRegular():
		return Special
	case messages && strings.HasPrefix(e.Name(), "."):
		return Hidden
	case messages:
		return ""
	case in == "tmp":
		return Temporary
	case IsServerFile(e.Name()):
		return ServerFile
	}
	return Misplaced
}

// linkKind is that of a link: one among messages is left out by every sync, of
// another the scan tells whether it was followed.
func linkKind(name string) StrayKind {
	if in := path.Base(path.Dir(name)); in == "cur" || in == "new" || in == "tmp" {
		return Link
	}
	return ""
}
