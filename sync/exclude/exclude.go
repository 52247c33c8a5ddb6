// Package exclude decides which folders a sync leaves out (smd 1.3, spec §3).
package exclude

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/pattern"

	"smd-applet/sync/fault"
)

// Matcher matches folder paths, mailbox root included, against globs with the
// semantics of fnmatch(3) without flags: * and ? match / and a leading dot too.
type Matcher struct{ globs []*regexp.Regexp }

// New compiles globs as a configuration or a command line has them, with "%20"
// for a blank. What people write and mean is accepted, see [Plain].
func New(globs []string, roots ...string) (*Matcher, error) {
	m := &Matcher{}
	for _, g := range globs {
		bare := strings.ReplaceAll(Plain(g, roots...), "%20", " ")
		if bare == "" || strings.Contains(bare, "*") && strings.Trim(bare, "*?/") == "" {
			return nil, bad(g, fmt.Errorf("it would leave out everything"))
		}
		expr, err := pattern.Regexp(bare, pattern.EntireString)
		if err != nil {
			return nil, bad(g, err)
		}
		re, err := regexp.Compile(expr)
		if err != nil {
			return nil, bad(g, err)
		}
		m.globs = append(m.globs, re)
	}
	return m, nil
}

// Plain returns a glob that means for fnmatch(3) alone, as syncmaildir's own
// server uses it, what the person who wrote g meant: one that ends in / or /*
// stands for the folder and all below it; but for one of the mailbox roots, /* is
// all that lies below.
func Plain(g string, roots ...string) string {
	bare := strings.TrimRight(strings.TrimSuffix(strings.TrimRight(g, "/"), "/*"), "/")
	if strings.HasSuffix(g, "*") && slices.Contains(roots, strings.ReplaceAll(bare, "%20", " ")) {
		return g
	}
	return bare
}

func bad(glob string, err error) error {
	return &fault.Error{
		Kind: fault.Config, Op: "read the excludes", Path: glob, Err: err,
		Hint: "correct EXCLUDE in the configuration",
	}
}

// Match reports whether the folder is left out. What lies below a folder that
// matches is for the caller not to enter. The cur, new and tmp of a folder are no
// folders: Mail/*r is not all of Mail.
func (m *Matcher) Match(folder string) bool {
	switch path.Base(folder) {
	case "cur", "new", "tmp":
		return false
	}
	for _, g := range m.globs {
		if g.MatchString(folder) {
			return true
		}
	}
	return false
}

// Above reports whether excluded leaves out a path, or one above it; nil leaves
// nothing out. Of a folder's messages that is asked with their cur or new.
func Above(local string, excluded func(local string) bool) bool {
	if excluded == nil {
		return false
	}
	for p := local; p != "." && p != "/"; p = path.Dir(p) {
		if excluded(p) {
			return true
		}
	}
	return false
}
