package notmuch

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// settings are what of notmuch's configuration decides about messages that arrive.
type settings struct {
	root    string // what the paths of messages are relative to
	hooks   string // the directory of its hooks
	tags    []string
	sync    bool // tags and maildir flags are kept the same
	names   map[string]bool
	regexps []*regexp.Regexp
}

// beyondPOSIX finds what a C library may take for more than a character: \<, \b
// and the like.
var beyondPOSIX = regexp.MustCompile(`\\[^].[()*+?{}|^$\\/]`)

// newSettings reads the settings; get returns the values of a key, of which
// notmuch before 0.32 does not know all.
func newSettings(get func(key string) ([]string, error)) (*settings, error) {
	values := make(map[string][]string)
	for _, key := range []string{"database.path", "database.mail_root", "database.hook_dir", "new.tags", "new.ignore", "maildir.synchronize_flags"} {
		var err error
		if values[key], err = get(key); err != nil {
			return nil, err
		}
	}
	first := func(keys ...string) string {
		for _, k := range keys {
			if len(values[k]) > 0 {
				return values[k][0]
			}
		}
		return ""
	}
	s := &settings{
		root: first("database.mail_root", "database.path"), hooks: first("database.hook_dir"),
		tags: values["new.tags"], sync: first("maildir.synchronize_flags") == "true", names: make(map[string]bool),
	}
	if s.hooks == "" {
		s.hooks = filepath.Join(first("database.path"), ".notmuch", "hooks")
	}
	for _, ignored := range values["new.ignore"] {
		if len(ignored) < 2 || ignored[0] != '/' || ignored[len(ignored)-1] != '/' {
			s.names[ignored] = true
			continue
		}
		re, err := regexp.CompilePOSIX(ignored[1 : len(ignored)-1])
		if err == nil && beyondPOSIX.MatchString(ignored) {
			err = fmt.Errorf("new.ignore: %s means what only the C library knows", ignored)
		}
		if err != nil {
			return nil, err
		}
		s.regexps = append(s.regexps, re)
	}
	return s, nil
}

// ignores reports whether notmuch new would leave out the file, or a folder
// above it, by its path below the root (notmuch-config(1), new.ignore).
func (s *settings) ignores(rel string) bool {
	for p := rel; p != "."; p = path.Dir(p) {
		if s.names[path.Base(p)] {
			return true
		}
		for _, re := range s.regexps {
			if re.MatchString(p) {
				return true
			}
		}
	}
	return false
}

// place returns the path by which notmuch knows the file, and whether it is in
// its care at all. Links may lead to either.
func (s *settings) place(file string) (string, bool) {
	rel, ok := below(s.root, file)
	if !ok {
		rel, ok = below(resolve(s.root), resolve(file))
	}
	if !ok || s.ignores(filepath.ToSlash(rel)) {
		return "", false
	}
	return filepath.Join(s.root, rel), true
}

func below(dir, file string) (string, bool) {
	return strings.CutPrefix(file, strings.TrimSuffix(dir, "/")+"/")
}

// resolve follows the links in a path as far as it exists.
func resolve(file string) string {
	if real, err := filepath.EvalSymlinks(file); err == nil {
		return real
	}
	dir := filepath.Dir(file)
	if dir == file {
		return file
	}
	if _, err := os.Lstat(file); err == nil {
		return file // a link that leads nowhere
	}
	return filepath.Join(resolve(dir), filepath.Base(file))
}

// within returns the touched files that are in notmuch's care.
func (s *settings) within(t touched) touched {
	in := make(touched, len(t))
	for file, fresh := range t {
		if p, ok := s.place(file); ok {
			in[p] = fresh
		}
	}
	return in
}
