package maildir

import (
	"errors"
	"io/fs"
	"path"
	"strings"
)

// absolute returns where a symbolic link leads, relative to the root, when it
// names a place inside the mailbox by its whole path, which [os.Root] follows
// nowhere. What is returned is opened through the root again, so nothing can lead
// out of it.
func (b box) absolute(link string) (to string, ok bool) {
	text, err := b.root.Readlink(link)
	if err != nil || !path.IsAbs(text) || path.Clean(text) != strings.TrimRight(text, "/") {
		return "", false
	}
	for _, top := range []string{b.root.Name(), b.real} {
		if to, ok := below(top, path.Clean(text)); ok {
			return to, true
		}
	}
	return "", false
}

// follow returns the place of a folder that may lie behind such links.
func (b box) follow(dir string) string {
	if _, err := b.root.Stat(dir); err == nil || errors.Is(err, fs.ErrNotExist) {
		return dir
	}
	place := "."
	for part := range strings.SplitSeq(dir, "/") {
		place = path.Join(place, part)
		if to, ok := b.absolute(place); ok {
			place = to
		}
	}
	return place
}
