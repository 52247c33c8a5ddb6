// Package subscribe knows which folders a mail server's users have subscribed to,
// for SUBSCRIBED_ONLY=true: Dovecot keeps them in "subscriptions" in the mail
// root, Courier in "courierimapsubscribed".
package subscribe

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"smd-applet/sync/fault"
)

// List is what one mailbox's file of subscriptions names. Names stand in it as on
// disk, in modified UTF-7.
type List struct {
	keys map[string]bool
}

// Of returns the list with the keys that [List.Keys] gave.
func Of(keys []string) *List {
	l := &List{keys: make(map[string]bool, len(keys))}
	for _, k := range keys {
		l.keys[k] = true
	}
	return l
}

// Keys returns what is subscribed to, the parts of a name joined by dots, sorted;
// never nil.
func (l *List) Keys() []string {
	keys := slices.AppendSeq([]string{}, maps.Keys(l.keys))
	slices.Sort(keys)
	return keys
}

// key is the same for a mailbox's name in every format and for its folder in
// either layout: work/projects and .work.projects.
func key(name string) string {
	return strings.ReplaceAll(strings.TrimPrefix(name, "."), "/", ".")
}

// Match reports whether a folder is subscribed to; it is given as it lies below
// the mailbox root at the server, which itself always is.
func (l *List) Match(folder string) bool {
	return folder == "" || folder == "." || l.keys[key(folder)]
}

// dovecot2 begins the second version of Dovecot's file, where tabs part the parts
// of a name.
const dovecot2 = "V\t2"

// unescape undoes Dovecot's escapes, which keep tabs and line ends out of a part.
var unescape = strings.NewReplacer("\x011", "\x01", "\x01t", "\t", "\x01r", "\r", "\x01n", "\n", "\x010", "\x00")

// Parse reads Dovecot's file, of either version.
func Parse(text string) *List {
	l := Of(nil)
	parted := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case len(l.keys) == 0 && !parted && line == dovecot2:
			parted = true
		case line == "":
		case parted:
			parts := strings.Split(line, "\t")
			for i, p := range parts {
				parts[i] = unescape.Replace(p)
			}
			l.keys[key(strings.Join(parts, "/"))] = true
		default:
			l.keys[key(line)] = true
		}
	}
	return l
}

// ParseCourier reads Courier's file, where every name begins with INBOX.
func ParseCourier(text string) *List {
	l := Of(nil)
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if name, ok := strings.CutPrefix(line, "INBOX."); ok && name != "" {
			l.keys[key(name)] = true
		}
	}
	return l
}

// maxFile bounds a file of subscriptions, in bytes.
const maxFile = 4 << 20

// Mailboxes are the lists of several mailboxes, by mailbox root at the server.
type Mailboxes map[string]*List

// Load reads the lists of mailboxes below home. One that has none is an error of
// kind [fault.Config]: nobody knows what its users would leave out.
func Load(home string, mailboxes []string) (Mailboxes, error) {
	m := make(Mailboxes, len(mailboxes))
	for _, name := range mailboxes {
		l, err := load(filepath.Join(home, name))
		if err != nil {
			return nil, &fault.Error{
				Kind: fault.Config, Op: "read the subscriptions", Path: name, Err: err,
				Hint: "remove SUBSCRIBED_ONLY from the configuration, and name folders in EXCLUDE",
			}
		}
		m[name] = l
	}
	return m, nil
}

func load(dir string) (*List, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for _, file := range []struct {
		name  string
		parse func(string) *List
	}{{"subscriptions", Parse}, {"courierimapsubscribed", ParseCourier}} {
		f, err := root.Open(file.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		if len(text) > maxFile {
			return nil, fmt.Errorf("%s has more than %d bytes", file.name, maxFile)
		}
		return file.parse(string(text)), nil
	}
	return nil, errors.New("the mail server keeps no list of subscriptions there")
}

// Match reports whether a folder, mailbox root at the server included, is
// subscribed to.
func (m Mailboxes) Match(folder string) bool {
	for root, l := range m {
		if folder == root {
			return true
		}
		if rest, ok := strings.CutPrefix(folder, root+"/"); ok {
			return l.Match(rest)
		}
	}
	return false
}

// Excluded returns what leaves out, by their local paths, what excluded does and
// the cur and new of folders that are not subscribed to. A folder below one of
// them may be subscribed to, so no folder is left out as a whole. remote
// translates a local folder; one that has no name at the server is not left out:
// it is for others to complain.
func (m Mailboxes) Excluded(excluded func(local string) bool, remote func(local string) (string, error)) func(local string) bool {
	return func(local string) bool {
		if excluded(local) {
			return true
		}
		switch path.Base(local) {
		case "cur", "new":
			folder, err := remote(path.Dir(local))
			return err == nil && !m.Match(folder)
		}
		return false
	}
}
