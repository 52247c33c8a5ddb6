package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"smd-applet/sync/fault"
)

// Endpoint is one pair of mailboxes to keep the same, as configured.
type Endpoint struct {
	Name       string
	ServerName string // an ssh alias
	ClientName string // identifies this pair of client and server
	Mailboxes  []Mailbox

	// Globs of folders to leave out at each end, with fnmatch(3) semantics, and
	// "%20" for a blank.
	ExcludeLocal, ExcludeRemote []string

	// Command lines that translate folder names, local to remote and back;
	// empty where both ends have the same names.
	TranslatorLR, TranslatorRL string

	ClientOpts, ServerOpts []string // extra options for smd-client, smd-server
	Debug                  bool     // log the traffic

	OnConflictFail   bool    // stop where both ends changed a message, as SMD does
	MaxDeletePercent float64 // of the mailbox; 0: the default
	MaxDeleteCount   int     // in messages; 0: MaxDeletePercent counts
	NotifyNewMail    bool
	Notmuch          string // "", "new" or "insert": how notmuch is told of what a pull changed
	SubscribedOnly   bool   // only folders the server's users subscribed to
	SyncOnMetered    bool   // by itself, where the network is paid for by what it carries
	SSH              string // "", "native" or "openssh"
	Protocol         string // "": smd/2 where the server speaks it; or [SMD1] or [SMD2]
	LimitUp          int64  // bytes a second sent to the server, 0: no limit; smd/2 only
	LimitDown        int64  // bytes a second got from it
	RemoteProgram    string // path of smd-applet or of the smd programs' folder on the server; may be empty
}

// The values of PROTOCOL, but for auto.
const (
	SMD1 = "1.3"
	SMD2 = "2"
)

// Mailbox is one mailbox root at both ends, relative to the home directories.
type Mailbox struct {
	Local, Remote string
}

// LocalSync reports whether both mailboxes are on this machine (smd 1.3, -l).
func (e *Endpoint) LocalSync() bool {
	for _, o := range e.ClientOpts {
		if o == "-l" || o == "--local-sync" {
			return true
		}
	}
	return false
}

// NoDelete reports whether deletions are not to be carried over (smd 1.3, -n).
func (e *Endpoint) NoDelete() bool {
	return slices.Contains(e.ServerOpts, "-n") || slices.Contains(e.ServerOpts, "--no-delete")
}

// RemoteMailboxes returns the remote mailbox roots, in order.
func (e *Endpoint) RemoteMailboxes() []string {
	names := make([]string, len(e.Mailboxes))
	for i, m := range e.Mailboxes {
		names[i] = m.Remote
	}
	return names
}

// LocalMailboxes returns the mailbox roots as the local end has them.
func (e *Endpoint) LocalMailboxes() []string {
	names := make([]string, len(e.Mailboxes))
	for i, m := range e.Mailboxes {
		names[i] = m.Local
	}
	return names
}

// Load evaluates an endpoint's configuration file and checks it. A missing one
// is written as a template. Errors are of kind [fault.Config].
func Load(ctx context.Context, p Paths, endpoint string) (*Endpoint, error) {
	e, _, err := load(ctx, p, endpoint)
	return e, err
}

func load(ctx context.Context, p Paths, endpoint string) (e *Endpoint, same bool, err error) {
	if err := CheckEndpoint(endpoint); err != nil {
		return nil, false, err
	}
	if err := p.Make(); err != nil {
		return nil, false, err
	}
	if err := adoptOld(p); err != nil {
		return nil, false, err
	}
	file := p.Config(endpoint)
	src, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if err := WriteTemplate(p, endpoint); err != nil {
			return nil, false, err
		}
		return nil, false, edit(file, errors.New("there was none: a template has been written"))
	}
	if err != nil {
		return nil, false, fault.New(fault.Config, "read the configuration", file, err)
	}
	return parseSource(ctx, p, endpoint, src)
}

// Parse evaluates and checks a configuration that the endpoint's file has, or is
// to have.
func Parse(ctx context.Context, p Paths, endpoint string, src []byte) (*Endpoint, error) {
	e, _, err := parseSource(ctx, p, endpoint, src)
	return e, err
}

func parseSource(ctx context.Context, p Paths, endpoint string, src []byte) (e *Endpoint, same bool, err error) {
	file := p.Config(endpoint)
	vars, same, err := evaluate(ctx, p.Home, file, src)
	if err != nil {
		return nil, false, edit(file, err)
	}
	if e, err = parse(vars); err != nil {
		return nil, false, edit(file, err)
	}
	e.Name = endpoint
	return e, same, nil
}

// edit is the failure of a configuration file that a person has to edit.
func edit(file string, err error) *fault.Error {
	f := &fault.Error{
		Kind: fault.Config, Op: "read the configuration", Path: file, Err: err,
		Hint: "edit %s", HintArgs: []any{file},
		Actions: []fault.Action{{Kind: fault.EditConfig, Arg: file}, {Kind: fault.Retry}, {Kind: fault.OpenLog}},
	}
	if errors.Is(err, errAbsolute) {
		f.Context, f.Cause = "main", "mailbox-has--absolute-path"
	}
	return f
}

func parse(vars map[string]string) (*Endpoint, error) {
	e := &Endpoint{
		ServerName: vars["SERVERNAME"], ClientName: vars["CLIENTNAME"],
		TranslatorLR: vars["TRANSLATOR_LR"], TranslatorRL: vars["TRANSLATOR_RL"],
		ClientOpts: strings.Fields(vars["SMDCLIENTOPTS"]), ServerOpts: strings.Fields(vars["SMDSERVEROPTS"]),
		Debug: isTrue(vars["DEBUG"]), NotifyNewMail: isTrue(vars["NOTIFY_NEW_MAIL"]),
		SubscribedOnly: isTrue(vars["SUBSCRIBED_ONLY"]), SyncOnMetered: isTrue(vars["SYNC_ON_METERED"]),
		RemoteProgram: vars["REMOTE_PROGRAM"],
	}
	var errs []error // all that is wrong, in one go
	for _, v := range []struct{ name, value string }{{"SERVERNAME", e.ServerName}, {"CLIENTNAME", e.ClientName}} {
		switch {
		case v.value == "":
			errs = append(errs, fmt.Errorf("%s is not set", v.name))
		case strings.Contains(v.value, templateMark):
			errs = append(errs, fmt.Errorf("%s still has the template's value", v.name))
		case strings.HasPrefix(v.value, "-") || strings.ContainsAny(v.value, " \t\r\n\x00"):
			errs = append(errs, fmt.Errorf("%s=%q: no blank in it, and no dash before it", v.name, v.value))
		}
	}
	var err error
	e.Mailboxes, err = mailboxes(vars)
	errs = append(errs, err)
	e.ExcludeLocal, e.ExcludeRemote = globs(vars["EXCLUDE"]), globs(vars["EXCLUDE"])
	e.ExcludeLocal = append(e.ExcludeLocal, globs(vars["EXCLUDE_LOCAL"])...)
	e.ExcludeRemote = append(e.ExcludeRemote, globs(vars["EXCLUDE_REMOTE"])...)
	switch v := vars["ON_CONFLICT"]; v {
	case "", "keep":
	case "fail":
		e.OnConflictFail = true
	default:
		errs = append(errs, fmt.Errorf("ON_CONFLICT=%q: keep or fail", v))
	}
	switch e.SSH = vars["SSH"]; e.SSH {
	case "", "native", "openssh":
	default:
		errs = append(errs, fmt.Errorf("SSH=%q: native or openssh, or leave it out", e.SSH))
	}
	switch e.Notmuch = vars["NOTMUCH"]; e.Notmuch {
	case "", "new", "insert":
	default:
		errs = append(errs, fmt.Errorf("NOTMUCH=%q: new or insert, or leave it out", e.Notmuch))
	}
	switch v := vars["PROTOCOL"]; v {
	case "", "auto":
	case SMD1, SMD2:
		e.Protocol = v
	default:
		errs = append(errs, fmt.Errorf("PROTOCOL=%q: auto, 2 or 1.3", v))
	}
	for _, limit := range []struct {
		name string
		to   *int64
	}{{"LIMIT_UP", &e.LimitUp}, {"LIMIT_DOWN", &e.LimitDown}} {
		if *limit.to, err = parseRate(limit.name, vars[limit.name]); err != nil {
			errs = append(errs, err)
		}
	}
	errs = append(errs, e.setMaxDelete(vars["MAX_DELETE"]))
	if e.LocalSync() && e.ServerName != "localhost" {
		errs = append(errs, fmt.Errorf("SMDCLIENTOPTS has -l, but SERVERNAME is %q, not localhost", e.ServerName))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Endpoint) setMaxDelete(v string) error {
	if v == "" {
		return nil
	}
	if p, ok := strings.CutSuffix(v, "%"); ok {
		n, err := strconv.ParseFloat(p, 64)
		if err != nil || !(n > 0 && n <= 100) || strings.ContainsAny(p, "xX") {
			return fmt.Errorf("MAX_DELETE=%q: a percentage above 0, to 100", v)
		}
		e.MaxDeletePercent = n
		return nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n <= 0 {
		return fmt.Errorf("MAX_DELETE=%q: a percentage such as 25%%, or a number of messages", v)
	}
	e.MaxDeleteCount = n
	return nil
}

func isTrue(v string) bool {
	switch strings.ToLower(v) {
	case "true", "yes", "1", "on":
		return true
	}
	return false
}

// globs splits a list of exclude globs: blanks between them, "%20" for a blank
// within. A pair of quotes that survived the shell is taken off, and a blank
// between them is one within.
func globs(list string) []string {
	words := strings.Fields(list)
	var out []string
	for i := 0; i < len(words); i++ {
		g := words[i]
		if quote := g[0]; quote == '\'' || quote == '"' {
			for end := i; end < len(words); end++ {
				if w := words[end]; w[len(w)-1] == quote && (end > i || len(w) > 1) {
					g = strings.Join(words[i:end+1], "%20")
					g, i = g[1:len(g)-1], end
					break
				}
			}
		}
		out = append(out, g)
	}
	return out
}

func mailboxes(vars map[string]string) ([]Mailbox, error) {
	local, remote := vars["MAILBOX_LOCAL"], vars["MAILBOX_REMOTE"]
	switch box := vars["MAILBOX"]; {
	case box != "" && (local != "" || remote != ""):
		return nil, errors.New("MAILBOX excludes MAILBOX_LOCAL and MAILBOX_REMOTE: use the one or the other two")
	case box != "":
		// Translators beside MAILBOX are tolerated: people have them.
		local, remote = box, box
	case local == "" && remote == "":
		return nil, errors.New("MAILBOX is not set")
	case local == "" || remote == "" || vars["TRANSLATOR_LR"] == "" || vars["TRANSLATOR_RL"] == "":
		return nil, errors.New("MAILBOX_LOCAL, MAILBOX_REMOTE, TRANSLATOR_LR and TRANSLATOR_RL go together: one is not set")
	}
	l, r := strings.Fields(local), strings.Fields(remote)
	if len(l) != len(r) {
		return nil, fmt.Errorf("MAILBOX_LOCAL names %d mailboxes, MAILBOX_REMOTE %d", len(l), len(r))
	}
	boxes := make([]Mailbox, len(l))
	for i := range l {
		var err error
		if boxes[i].Local, err = CleanMailbox(l[i]); err != nil {
			return nil, err
		}
		if boxes[i].Remote, err = CleanMailbox(r[i]); err != nil {
			return nil, err
		}
	}
	return boxes, nested(boxes)
}

var errAbsolute = errors.New("mailbox-has--absolute-path: give it relative to the home directory")

// CleanMailbox checks a mailbox root as configured or given on a command line:
// relative to the home directory, "%20" for a blank, no "..".
func CleanMailbox(s string) (string, error) {
	s = strings.ReplaceAll(s, "%20", " ")
	if path.IsAbs(s) || strings.HasPrefix(s, "~") {
		return "", fmt.Errorf("mailbox %q: %w", s, errAbsolute)
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == ".." {
			return "", fmt.Errorf("mailbox %q: it must not have .. in it", s)
		}
	}
	if strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f }) >= 0 {
		return "", fmt.Errorf("mailbox %q: control character in it", s)
	}
	s = path.Clean(s)
	if s == "." {
		return "", errors.New("the home directory itself can't be a mailbox: name a folder in it")
	}
	return s, nil
}

// nested refuses mailboxes inside one another: their messages would be there twice.
func nested(boxes []Mailbox) error {
	for i, a := range boxes {
		for j, b := range boxes {
			if i != j && (inside(a.Local, b.Local) || inside(a.Remote, b.Remote)) {
				return fmt.Errorf("the mailboxes %s and %s lie within one another: name the outer one only", a.Local, b.Local)
			}
		}
	}
	return nil
}

func inside(dir, name string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// DBFile returns the base name of the db-file of a client and the remote
// mailboxes (smd 1.3, spec §1).
func DBFile(clientName string, mailboxes []string) string {
	parts := make([]string, len(mailboxes))
	for i, m := range mailboxes {
		parts[i] = strings.TrimSuffix(m, "/")
	}
	client := strings.ReplaceAll(strings.TrimSuffix(clientName, "/"), "/", "_")
	return client + "__" + inDBFile.Replace(strings.Join(parts, "__")) + ".db.txt"
}

// inDBFile has blanks as what is left of %20, as SMD does.
var inDBFile = strings.NewReplacer("/", "_", "%", "_", " ", "_20")
