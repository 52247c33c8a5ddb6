package main

import (
	"path/filepath"
	"strings"

	"smd-applet/sync/config"
	"smd-applet/sync/maildir"
)

// mailboxesBelow returns the names below dir of mailboxes given on the command
// line, absolute or relative to dir.
func mailboxesBelow(dir string, given []string) ([]string, error) {
	names := make([]string, len(given))
	for i, m := range given {
		if rel, err := filepath.Rel(dir, m); filepath.IsAbs(m) && err == nil && !strings.HasPrefix(rel, "..") {
			m = rel
		}
		var err error
		if names[i], err = config.CleanMailbox(m); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// sameBoxes are mailboxes whose names are the same here and on the wire.
func sameBoxes(names []string) []maildir.Box {
	boxes := make([]maildir.Box, len(names))
	for i, n := range names {
		boxes[i] = maildir.Box{Local: n, Remote: n}
	}
	return boxes
}
