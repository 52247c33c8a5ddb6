package setup

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

// Answers are what a person decided.
type Answers struct {
	Endpoint      string
	Server        string
	Local, Remote string // the mailboxes, below the homes; empty: as the file has them
	Mode          string // how folders are named here, see [Names]
	LeftOut       []LeftOut
	Pull, Push    time.Duration
}

// File is one file to be written.
type File struct {
	Path     string
	Old, New string // its text; Old is empty where there is none yet
}

// Changed reports whether there is anything to write.
func (f File) Changed() bool { return f.Old != f.New }

// Plan returns the files that the answers make of those there are, with their old
// texts; where nothing changes New is Old. What can't be said in a file that is
// there is an error of kind [fault.Config], which a person has to edit.
func Plan(ctx context.Context, p config.Paths, a Answers, oldConfig, oldLoop string) ([]File, error) {
	text, err := planConfig(ctx, p, a, oldConfig)
	if err != nil {
		return nil, err
	}
	return []File{
		{p.Config(a.Endpoint), oldConfig, text},
		{p.Loop(), oldLoop, editLoop(oldLoop, a.Endpoint, a.Pull, a.Push)},
	}, nil
}

func planConfig(ctx context.Context, p config.Paths, a Answers, old string) (string, error) {
	text := old
	var before *config.Endpoint
	if old == "" {
		text = config.Template(a.Endpoint)
	} else if e, err := config.Parse(ctx, p, a.Endpoint, []byte(old)); err == nil {
		before = e // else it is a template still, or will be judged below
	}
	text, err := edit(text, assignments(a, before))
	if err != nil {
		return "", byHand(p.Config(a.Endpoint), err)
	}
	after, err := config.Parse(ctx, p, a.Endpoint, []byte(text))
	if err != nil {
		return "", err
	}
	if left := assignments(a, after); len(left) > 0 {
		return "", byHand(p.Config(a.Endpoint), errOther(left[0].Name))
	}
	if before != nil && len(missing(before.ExcludeLocal, after.ExcludeLocal))+len(missing(before.ExcludeRemote, after.ExcludeRemote)) > 0 {
		return "", byHand(p.Config(a.Endpoint), errors.New("what is left out goes by $MAILBOX, which is to be another one"))
	}
	return text, nil
}

type errOther string

func (e errOther) Error() string { return string(e) + " is set again further down, or by a condition" }

func byHand(file string, err error) error {
	return &fault.Error{
		Kind: fault.Config, Op: "edit", Path: file, Err: err, Hint: "edit %s", HintArgs: []any{file},
		Actions: []fault.Action{{Kind: fault.EditConfig, Arg: file}},
	}
}

// assignments are the settings in which the answers differ from a configuration;
// nil is one that says nothing.
func assignments(a Answers, e *config.Endpoint) []Assignment {
	var set []Assignment
	put := func(name, value string) { set = append(set, Assignment{Name: name, Value: value}) }
	if e == nil || e.ServerName != a.Server {
		put("SERVERNAME", a.Server)
	}
	if a.Local != "" {
		set = append(set, mailbox(a, e)...)
	}
	here := globs(a.Local, a.LeftOut, func(x LeftOut) string { return x.Local })
	there := globs(a.Remote, a.LeftOut, func(x LeftOut) string { return x.Remote })
	var hasHere, hasThere []string
	if e != nil {
		hasHere, hasThere = e.ExcludeLocal, e.ExcludeRemote
	}
	moreHere, moreThere := missing(here, hasHere), missing(there, hasThere)
	switch {
	case len(moreHere)+len(moreThere) == 0:
	case e == nil && slices.Equal(here, there):
		put("EXCLUDE", strings.Join(here, " "))
	default:
		put("EXCLUDE_LOCAL", strings.Join(slices.Concat(hasHere, moreHere), " "))
		put("EXCLUDE_REMOTE", strings.Join(slices.Concat(hasThere, moreThere), " "))
	}
	return set
}

// mailbox are the settings that name the mailbox.
func mailbox(a Answers, e *config.Endpoint) []Assignment {
	spelled := func(name string) string { return strings.ReplaceAll(name, " ", "%20") }
	lr, rl := "smd-translate -m "+a.Mode+" -d LR "+a.Endpoint, "smd-translate -m "+a.Mode+" -d RL "+a.Endpoint
	if a.Mode == "move" && a.Local == a.Remote {
		lr, rl = "", ""
	}
	if e != nil && len(e.Mailboxes) == 1 && e.Mailboxes[0] == (config.Mailbox{Local: a.Local, Remote: a.Remote}) &&
		(e.TranslatorLR == lr && e.TranslatorRL == rl || lr == "" && sameNames(e)) {
		return nil
	}
	four := []string{"MAILBOX_LOCAL", "MAILBOX_REMOTE", "TRANSLATOR_LR", "TRANSLATOR_RL"}
	if lr == "" {
		set := []Assignment{{Name: "MAILBOX", Value: spelled(a.Local)}}
		for _, name := range four {
			set = append(set, Assignment{Name: name, Unset: true})
		}
		return set
	}
	set := []Assignment{{Name: "MAILBOX", Unset: true}}
	for i, value := range []string{spelled(a.Local), spelled(a.Remote), lr, rl} {
		set = append(set, Assignment{Name: four[i], Value: value})
	}
	return set
}

// sameNames reports whether a configuration's translators leave names as they are.
func sameNames(e *config.Endpoint) bool {
	is := func(command string) bool {
		return command == "" || strings.Contains(command, "-m move") || strings.Contains(command, "-m cat")
	}
	return is(e.TranslatorLR) && is(e.TranslatorRL)
}

func globs(root string, left []LeftOut, name func(LeftOut) string) []string {
	var all []string
	for _, x := range left {
		if glob := strings.ReplaceAll(root+"/"+name(x), " ", "%20"); !slices.Contains(all, glob) {
			all = append(all, glob)
		}
	}
	return all
}

func missing(want, have []string) []string {
	return slices.DeleteFunc(slices.Clone(want), func(glob string) bool { return slices.Contains(have, glob) })
}
