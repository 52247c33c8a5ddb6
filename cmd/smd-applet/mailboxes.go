package main

import (
	"path/filepath"
	"strings"

	"smd-applet/sync/config"
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
