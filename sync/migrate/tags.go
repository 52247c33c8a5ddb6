package migrate

import (
	"bytes"
	"context"
	"crypto/sha1" // by which notmuch names a message without a Message-ID
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"smd-applet/sync/census"
	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/program"
	"smd-applet/sync/stripheader"
)

// Tags is notmuch's database, to be made anew for the new tree.
type Tags struct {
	Home string
	Old  string // the old tree, absolute
	New  string // the new one
	Dir  string // keeps the dump and the old configuration
	// Renamed are the names notmuch gives to messages without a Message-ID whose
	// content changed, by the old one.
	Renamed map[string]string

	root string // what notmuch looks after now
}

// ErrNoTags says that there is nothing to carry over, and why.
var ErrNoTags = errors.New("notmuch does not look after the old tree")

// FindTags finds out whether notmuch looks after the old tree and nothing else;
// else the error is [ErrNoTags].
func FindTags(ctx context.Context, home, from, to, dir string) (*Tags, error) {
	t := &Tags{Home: home, Old: from, New: to, Dir: dir}
	if _, err := exec.LookPath("notmuch"); err != nil {
		return nil, fmt.Errorf("%w: it is not installed", ErrNoTags)
	}
	for _, key := range []string{"database.mail_root", "database.path"} {
		if value, err := t.notmuch(ctx, "", "config", "get", key); err == nil && strings.TrimSpace(value) != "" {
			t.root = absolute(home, strings.TrimSpace(value))
			break
		}
	}
	if t.root == "" {
		return nil, fmt.Errorf("%w: it has no configuration", ErrNoTags)
	}
	if _, err := t.notmuch(ctx, "", "count"); err != nil {
		return nil, fmt.Errorf("%w: it has no database", ErrNoTags)
	}
	root, old := resolved(t.root), resolved(from)
	if root != old && !strings.HasPrefix(old, root+"/") {
		return nil, fmt.Errorf("%w: it looks after %s", ErrNoTags, t.root)
	}
	if other, err := otherMail(root, old, resolved(to)); err != nil || other != "" {
		return nil, errors.Join(fmt.Errorf("%w alone, but after %s too", ErrNoTags, other), err)
	}
	return t, nil
}

// ResumeTags is [FindTags] for a migration that was cut: root is what notmuch looked
// after when it began.
func ResumeTags(home, from, to, dir, root string) *Tags {
	return &Tags{Home: home, Old: from, New: to, Dir: dir, root: root}
}

// Root is what notmuch looks after before it is switched, an absolute path.
func (t *Tags) Root() string { return t.root }

func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// otherMail finds a folder with mail below root that is in none of some trees.
func otherMail(root string, trees ...string) (found string, err error) {
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		for _, t := range trees {
			if path == t || path == t+".growing" {
				return fs.SkipDir
			}
		}
		switch e.Name() {
		case ".notmuch", "new", "tmp":
			return fs.SkipDir
		case "cur":
			found = filepath.Dir(path)
			return fs.SkipAll
		}
		return nil
	})
	return found, err
}

// TagFiles are the files below a Dir that are written whole or not at all.
func TagFiles(dir string) []string { return []string{keptConfig(dir)} }

// keptConfig is the person's configuration of notmuch as it was.
func keptConfig(dir string) string { return filepath.Join(dir, "notmuch-config.before") }

func (t *Tags) dump() string   { return filepath.Join(t.Dir, "notmuch.dump") }
func (t *Tags) config() string { return filepath.Join(t.Dir, "notmuch.config") }

// Save dumps the tags, once: a later run finds the dump of the first.
func (t *Tags) Save(ctx context.Context) error {
	if _, err := os.Stat(t.dump()); err == nil {
		return nil
	}
	temp := t.dump() + ".temp"
	if _, err := t.notmuch(ctx, "", "dump", "--output="+temp); err != nil {
		return err
	}
	return durable.Rename(temp, t.dump())
}

// Restore makes a database of the new tree, with the tags of the old one, by a
// configuration of its own and without hooks; the flags of messages stay as they
// are. It returns how many messages have tags from before, and those of them that
// are in the new tree no more.
func (t *Tags) Restore(ctx context.Context) (carried int, gone []string, err error) {
	if err := t.ownConfig(ctx); err != nil {
		return 0, nil, err
	}
	if _, err := t.notmuch(ctx, t.config(), "new", "--no-hooks", "--quiet"); err != nil {
		return 0, nil, err
	}
	before, err := os.ReadFile(t.dump())
	if err != nil {
		return 0, nil, fault.New(fault.FileSystem, "read", t.dump(), err)
	}
	for old, name := range t.Renamed {
		before = []byte(strings.ReplaceAll(string(before), " -- id:"+old+"\n", " -- id:"+name+"\n"))
	}
	renamed := t.dump() + ".renamed"
	if err := os.WriteFile(renamed, before, 0o600); err != nil {
		return 0, nil, fault.New(maildir.KindOf(err), "write", renamed, err)
	}
	if _, err := t.notmuch(ctx, t.config(), "restore", "--input="+renamed); err != nil {
		return 0, nil, err
	}
	after := t.dump() + ".after"
	if _, err := t.notmuch(ctx, t.config(), "dump", "--output="+after); err != nil {
		return 0, nil, err
	}
	now, err := os.ReadFile(after)
	if err != nil {
		return 0, nil, fault.New(fault.FileSystem, "read", after, err)
	}
	has := make(map[string]bool)
	ids := make(map[string]bool)
	for line := range strings.Lines(string(now)) {
		has[line] = true
		if _, id, ok := strings.Cut(line, " -- "); ok {
			ids[id] = true
		}
	}
	for line := range strings.Lines(string(before)) {
		_, id, ok := strings.Cut(line, " -- ")
		switch {
		case !ok: // not of a message
		case has[line]:
			carried++
		case !ids[id]:
			gone = append(gone, strings.TrimSpace(strings.TrimPrefix(id, "id:")))
		default:
			return 0, nil, fault.New(fault.Hook, "restore the tags", "notmuch", fmt.Errorf("%s has others now", strings.TrimSpace(id)))
		}
	}
	return carried, gone, errors.Join(os.Remove(renamed), os.Remove(after))
}

// ownConfig makes a copy of the person's configuration that is about the new tree.
func (t *Tags) ownConfig(ctx context.Context) error {
	_, text, err := t.readPersonsConfig()
	if err != nil {
		return err
	}
	if err := os.WriteFile(t.config(), text, 0o600); err != nil {
		return fault.New(maildir.KindOf(err), "write", t.config(), err)
	}
	if err := t.pointAt(ctx, t.config()); err != nil {
		return err
	}
	_, err = t.notmuch(ctx, t.config(), "config", "set", "maildir.synchronize_flags", "false")
	return err
}

func (t *Tags) pointAt(ctx context.Context, config string) error {
	if value, err := t.notmuch(ctx, config, "config", "get", "database.mail_root"); err == nil && strings.TrimSpace(value) != "" && resolved(absolute(t.Home, strings.TrimSpace(value))) != resolved(t.New) {
		if _, err := t.notmuch(ctx, config, "config", "set", "database.mail_root", t.New); err != nil {
			return err
		}
	}
	_, err := t.notmuch(ctx, config, "config", "set", "database.path", t.New)
	return err
}

// personsConfig is the file notmuch reads (notmuch-config(1)).
func (t *Tags) personsConfig() (string, error) {
	if file := os.Getenv("NOTMUCH_CONFIG"); file != "" {
		return absolute(t.Home, file), nil
	}
	config := os.Getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(t.Home, ".config")
	}
	return firstFile("notmuch", filepath.Join(config, "notmuch", "default", "config"), filepath.Join(t.Home, ".notmuch-config"))
}

func (t *Tags) readPersonsConfig() (file string, text []byte, err error) {
	if file, err = t.personsConfig(); err != nil {
		return "", nil, err
	}
	if text, err = os.ReadFile(file); err != nil {
		return "", nil, fault.New(fault.Config, "read", file, err)
	}
	return file, text, nil
}

// Switch has the person's notmuch look after the new tree: its configuration is
// kept beside the dump, its hooks are copied.
func (t *Tags) Switch(ctx context.Context) error {
	file, text, err := t.readPersonsConfig()
	if err != nil {
		return err
	}
	kept := keptConfig(t.Dir)
	if _, err := os.Stat(kept); errors.Is(err, fs.ErrNotExist) {
		err = durable.WriteFile(kept, 0o600, func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		})
		if err != nil {
			return fault.New(maildir.KindOf(err), "write", kept, err)
		}
	}
	if err := copyHooks(filepath.Join(t.root, ".notmuch", "hooks"), filepath.Join(t.New, ".notmuch", "hooks")); err != nil {
		return fault.New(maildir.KindOf(err), "copy notmuch's hooks from", t.root, err)
	}
	return t.pointAt(ctx, file)
}

// copyHooks copies the files of a directory; a link leads where it led.
func copyHooks(from, to string) error {
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, e := range entries {
		source, target := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if e.Type()&fs.ModeSymlink != 0 {
			real, err := filepath.EvalSymlinks(source)
			if err != nil {
				continue // it leads nowhere
			}
			if err := os.Symlink(real, target); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			continue
		}
		st, err := os.Stat(source)
		if err != nil || !st.Mode().IsRegular() {
			continue
		}
		text, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		if err := os.WriteFile(target, text, st.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tags) notmuch(ctx context.Context, config string, args ...string) (string, error) {
	if config != "" {
		args = append([]string{"--config=" + config}, args...)
	}
	cmd := exec.Command("notmuch", args...)
	cmd.Dir = t.Home
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := program.Run(ctx, program.Limit, cmd); err != nil {
		return "", fault.New(fault.Hook, "run notmuch "+args[len(args)-1], "", fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String())))
	}
	return out.String(), nil
}

// NotmuchIDs are the names that notmuch gives a message without a Message-ID,
// before and after its content changes; "" for one that has a Message-ID.
func NotmuchIDs(old *maildir.Store, f File, header string, ask func(maildir.Name) ([]byte, error)) (before, after string, err error) {
	had, err := census.Header(old, f.From)
	if err != nil || census.TitleOf(had).MessageID != "" {
		return "", "", err
	}
	p, err := old.Place(f.From)
	if err != nil {
		return "", "", err
	}
	var whole bytes.Buffer
	if err := p.ReadTo(&whole, make([]byte, 64<<10)); err != nil {
		return "", "", err
	}
	before = notmuchID(whole.Bytes())
	var will bytes.Buffer
	switch f.How {
	case Strip:
		_, err = stripheader.Copy(&will, &whole, header)
	case Headers:
		var has []byte
		has, err = ask(f.Twin)
		will.Write(has)
		will.Write(whole.Bytes()[len(had):])
	default:
		will = whole
	}
	return before, notmuchID(will.Bytes()), err
}

func notmuchID(content []byte) string { return fmt.Sprintf("notmuch-sha1-%x", sha1.Sum(content)) }
