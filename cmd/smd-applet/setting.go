package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"smd-applet/guide"
	"smd-applet/sync"
	"smd-applet/sync/check"
	"smd-applet/sync/config"
	"smd-applet/sync/deploy"
	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
	"smd-applet/sync/probe"
	"smd-applet/sync/remote"
	"smd-applet/sync/restrict"
	"smd-applet/sync/setup"
	"smd-applet/tray/autostart"
)

// setting is one call of setup: its options, and what is found out on the way.
type setting struct {
	answers                      setup.Answers
	server, hostKey, from        string
	exclude                      []string
	deploy, key, sync, autostart bool
	dryRun, yes                  bool
	given                        func(option string) bool

	guide *guide.Guide // nil: nobody is asked
	out   io.Writer
	log   *slog.Logger
	pool  *remote.Pool

	paths       config.Paths
	old         *config.Endpoint // nil: there is none that can be used
	oldConfig   string
	login       string // the host a person logs in to; server may be one that may only sync
	host        remote.Host
	here, there *probe.Answer // there is nil where the server can't tell
}

func (s *setting) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		s.read, s.chooseServer, s.reach, s.bring, s.look, s.chooseMailboxes, s.chooseNames, s.chooseLeftOut, s.chooseIntervals, s.chooseKey, s.write, s.check, s.first, s.atLogin,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *setting) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// read finds what is set up already.
func (s *setting) read(ctx context.Context) (err error) {
	if s.paths, err = config.DefaultPaths(); err != nil {
		return err
	}
	name := s.answers.Endpoint
	if err := config.CheckEndpoint(name); err != nil {
		return err
	}
	text, err := os.ReadFile(s.paths.Config(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Config, "read the configuration", s.paths.Config(name), err)
	}
	s.oldConfig = string(text)
	if s.oldConfig != "" {
		s.old, _ = config.Parse(ctx, s.paths, name, text) // a template can't be used yet
	}
	return nil
}

// chooseServer asks which host of ~/.ssh/config it is.
func (s *setting) chooseServer(ctx context.Context) error {
	ssh, _ := os.ReadFile(filepath.Join(s.paths.Home, ".ssh", "config")) // none has no hosts
	if !s.given("server") {
		if s.old != nil {
			s.server = s.old.ServerName
		}
		hosts := remote.Hosts(ssh)
		hosts = slices.DeleteFunc(hosts, func(h string) bool { _, ours := restrict.HostOf(ssh, h); return ours && h != s.server })
		if s.server == "" && len(hosts) > 0 {
			s.server = hosts[0]
		}
		if len(hosts) > 1 && s.guide == nil && s.old == nil {
			return fault.New(fault.Config, "choose the server", "", fmt.Errorf("~/.ssh/config has several: name one of %s with --server", strings.Join(hosts, ", ")))
		}
		const another = ""
		var options []guide.Option
		for _, h := range hosts {
			options = append(options, guide.Option{Value: h, Label: h})
		}
		if len(options) > 0 {
			options = append(options, guide.Option{Value: another, Label: "another one"})
			if err := s.guide.Choose(ctx, "Which server?", "A Host of ~/.ssh/config, where ssh logs in without a question", options, &s.server); err != nil {
				return err
			}
		}
		if s.server == another {
			if err := s.guide.Input(ctx, "Which server?", "user@host, or a Host of ~/.ssh/config", &s.server, notEmpty); err != nil {
				return err
			}
		}
	}
	if s.server == "" {
		return fault.New(fault.Config, "choose the server", "", errors.New("~/.ssh/config names none: name it with --server user@host"))
	}
	s.login = s.server
	if behind, ok := restrict.HostOf(ssh, s.server); ok {
		s.login = behind
	}
	s.answers.Server = s.server
	return nil
}

func notEmpty(v string) error {
	if strings.TrimSpace(v) == "" {
		return errors.New("it needs a name")
	}
	return nil
}

// reach logs in; a server that is not known yet is shown first.
func (s *setting) reach(ctx context.Context) (err error) {
	for {
		if s.host, err = s.pool.Host(ctx, s.login, ""); err == nil {
			_, err = remote.Output(ctx, s.host, []string{"true"}, strings.NewReader(""), 64<<10)
		}
		switch {
		case err == nil:
			s.say("%s: logged in (%s)", s.login, s.host.How())
			return nil
		case fault.Is(err, fault.HostKeyUnknown), fault.Is(err, fault.HostKeyChanged):
			if err := s.trust(ctx, err); err != nil {
				return err
			}
		default:
			var exit *remote.ExitError
			if errors.As(err, &exit) && !fault.Is(err, fault.Network) && !fault.Is(err, fault.Auth) {
				return fault.New(fault.RemoteFailed, "run a command on", s.login, err)
			}
			if f := fault.As(err); f.Kind == fault.Auth {
				f.Hint, f.HintArgs = "let a key of yours in there first: ssh-copy-id %s", []any{s.login}
				return f
			}
			return err
		}
	}
}

// trust shows the server's key, and records it after a yes or where --host-key
// names it.
func (s *setting) trust(ctx context.Context, why error) error {
	key, err := remote.FetchHostKey(ctx, s.login, s.log)
	if err != nil {
		return err
	}
	yes := s.hostKey != "" && s.hostKey == key.Fingerprint
	if !yes && s.guide != nil {
		about := "On the server, this shows its true fingerprint: ssh-keygen -lf /etc/ssh/ssh_host_" + strings.SplitN(strings.TrimPrefix(key.Type, "ssh-"), "-", 2)[0] + "_key.pub"
		if key.Replaces != nil {
			about = "IT IS NOT THE KEY ON RECORD. Either the server was reinstalled, or someone is between you and it. " + about
		}
		if err := s.guide.Confirm(ctx, fmt.Sprintf("Trust %s with the %s key %s?", s.login, key.Type, key.Fingerprint), about, &yes); err != nil {
			return err
		}
	}
	if !yes || s.dryRun { // a dry run records no key, and goes no further without
		return why
	}
	return key.Record()
}

// bring puts the program on the server.
func (s *setting) bring(ctx context.Context) error {
	called, err := programPath()
	if err != nil {
		return err
	}
	server, err := deploy.Look(ctx, s.host, s.login, called)
	if err != nil {
		return err
	}
	has := cmp.Or(server.FirstSays, server.Installed)
	if has != "" && !deploy.Older(has, versionLine()) {
		s.say("%s: %s is there", s.login, short(has))
		return nil
	}
	title := "Put smd-applet on the server? There is none yet."
	if has != "" {
		title = "Put this smd-applet on the server? There is an older one: " + short(has)
	}
	if !s.given("deploy") && !s.dryRun {
		if err := s.guide.Confirm(ctx, title, placeOfProgram, &s.deploy); err != nil {
			return err
		}
	}
	switch {
	case !s.deploy:
		s.say("%s: smd-applet is not put there; with syncmaildir there it syncs one way at a time", s.login)
		return nil
	case s.dryRun:
		s.say("%s: smd-applet would be put there", s.login)
		return nil
	}
	return (&deployment{from: s.from, out: s.out}).run(ctx, s.pool, s.login)
}

// look finds the mailboxes of both ends.
func (s *setting) look(ctx context.Context) (err error) {
	if s.here, err = probe.Survey(ctx, s.paths.Home); err != nil {
		return err
	}
	programs, err := programsThere()
	if err != nil {
		return err
	}
	for _, program := range programs {
		said, err := remote.Output(ctx, s.host, []string{program, "survey"}, strings.NewReader(""), 64<<20)
		if err == nil {
			if s.there, err = probe.Read(bytes.NewReader(said)); err == nil {
				break
			}
		}
	}
	s.show("here", s.here)
	if s.there != nil {
		s.show(s.login, s.there)
	} else {
		s.say("%s: which mailboxes there are is not known without smd-applet there", s.login)
	}
	return nil
}

func (s *setting) show(where string, a *probe.Answer) {
	for _, m := range a.Mailboxes {
		s.say("%s: %s has %s, %s", where, m.Name, numbered(len(m.Folders), "folder"), volume(m.Whole()))
	}
	if len(a.Mailboxes) == 0 {
		s.say("%s: no mailbox yet", where)
	}
	if a.Free != nil {
		s.say("%s: %s free", where, size(*a.Free))
	}
}

// chooseMailboxes asks which mailbox it is at the server, and where here.
func (s *setting) chooseMailboxes(ctx context.Context) error {
	a := &s.answers
	if s.old != nil && len(s.old.Mailboxes) > 1 && a.Local == "" && a.Remote == "" {
		return nil // somebody wrote that by hand, and knows why
	}
	var oldLocal, oldRemote string
	if s.old != nil && len(s.old.Mailboxes) == 1 {
		oldLocal, oldRemote = s.old.Mailboxes[0].Local, s.old.Mailboxes[0].Remote
	}
	if err := s.chooseMailbox(ctx, "remote", "Which mailbox at the server?", s.there, cmp.Or(oldRemote, fullest(s.there), "Maildir"), &a.Remote); err != nil {
		return err
	}
	if err := s.chooseMailbox(ctx, "local", "Which mailbox here? One that is not there yet is made.", s.here, cmp.Or(oldLocal, named(s.here, a.Remote), fullest(s.here), a.Remote), &a.Local); err != nil {
		return err
	}
	if there := boxOf(s.there, a.Remote); there != nil && s.here.Free != nil && boxOf(s.here, a.Local) == nil && there.Whole().Bytes > *s.here.Free {
		return &fault.Error{
			Kind: fault.DiskFull, Op: "make room for", Path: a.Local,
			Err: fmt.Errorf("the server's mailbox has %s, and there are %s free here", size(there.Whole().Bytes), size(*s.here.Free)),
		}
	}
	return nil
}

func (s *setting) chooseMailbox(ctx context.Context, option, title string, found *probe.Answer, proposed string, value *string) (err error) {
	if s.given(option) {
		*value, err = config.CleanMailbox(*value)
		return err
	}
	*value = proposed
	var options []guide.Option
	if found != nil {
		for _, m := range found.Mailboxes {
			options = append(options, guide.Option{Value: m.Name, Label: fmt.Sprintf("%s (%s, %s)", m.Name, numbered(len(m.Folders), "folder"), volume(m.Whole()))})
		}
	}
	if boxOf(found, proposed) == nil {
		options = append(options, guide.Option{Value: proposed, Label: proposed})
	}
	const another = ""
	options = append(options, guide.Option{Value: another, Label: "another one"})
	if err := s.guide.Choose(ctx, title, "", options, value); err != nil {
		return err
	}
	if *value == another {
		valid := func(v string) error { _, err := config.CleanMailbox(v); return err }
		if err := s.guide.Input(ctx, title, "Relative to the home directory", value, valid); err != nil {
			return err
		}
	}
	*value, err = config.CleanMailbox(*value)
	return err
}

// fullest is the mailbox with the most messages.
func fullest(a *probe.Answer) string {
	if a == nil || len(a.Mailboxes) == 0 {
		return ""
	}
	return slices.MaxFunc(a.Mailboxes, func(x, y probe.Mailbox) int { return cmp.Compare(x.Whole().Messages, y.Whole().Messages) }).Name
}

func named(a *probe.Answer, name string) string {
	if boxOf(a, name) == nil {
		return ""
	}
	return name
}

func boxOf(a *probe.Answer, name string) *probe.Mailbox {
	if a == nil {
		return nil
	}
	i := slices.IndexFunc(a.Mailboxes, func(m probe.Mailbox) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return &a.Mailboxes[i]
}

func foldersOf(a *probe.Answer, name string) (folders, all []string) {
	if m := boxOf(a, name); m != nil {
		return m.Folders, slices.Concat(m.Folders, m.Directories)
	}
	return nil, nil
}

// chooseNames asks how the server's folders are called here.
func (s *setting) chooseNames(ctx context.Context) error {
	a := &s.answers
	if a.Local == "" || s.given("names") {
		return nil
	}
	here, _ := foldersOf(s.here, a.Local)
	there, _ := foldersOf(s.there, a.Remote)
	ways := setup.NamesOf(s.paths.Home, a.Local, a.Remote, here, there)
	a.Mode = ways[0].Mode
	if s.old != nil && len(s.old.Mailboxes) == 1 && s.old.Mailboxes[0] == (config.Mailbox{Local: a.Local, Remote: a.Remote}) {
		if s.old.TranslatorLR == "" {
			a.Mode = "move"
			return nil
		}
		mode, ok := setup.ModeOf(s.old)
		if !ok { // a program of their own
			a.Local, a.Remote = "", ""
			return nil
		}
		a.Mode = mode
		return nil
	}
	var options []guide.Option
	for _, w := range ways {
		if w.Lost != "" {
			continue
		}
		label := w.Mode + ": " + cmp.Or(w.Example, "no folder is called otherwise")
		if w.Mode == "move" {
			label = "as at the server"
		}
		if len(here) > 0 {
			label += fmt.Sprintf(" (%d of %s here are there too)", w.Matched, numbered(len(here), "folder"))
		}
		if w.Mode == "move" || w.Example != "" {
			options = append(options, guide.Option{Value: w.Mode, Label: label})
		}
	}
	if ways[0].Lost != "" {
		s.say("no way to name the folders fits all of them: %s has no name at the other end; smd-check-conf tells which", ways[0].Lost)
		return nil
	}
	if len(options) < 2 {
		return nil
	}
	return s.guide.Choose(ctx, "How are the folders called here?", "", options, &a.Mode)
}

// chooseLeftOut asks which folders stay where they are.
func (s *setting) chooseLeftOut(ctx context.Context) error {
	a := &s.answers
	if a.Local == "" {
		return nil
	}
	_, here := foldersOf(s.here, a.Local)
	_, there := foldersOf(s.there, a.Remote)
	if s.given("exclude") {
		for _, folder := range s.exclude {
			a.LeftOut = append(a.LeftOut, setup.LeftOutAs(s.paths.Home, a.Local, a.Remote, a.Mode, folder))
		}
		return nil
	}
	found := setup.LeaveOut(s.paths.Home, a.Local, a.Remote, a.Mode, here, there)
	if s.old != nil && len(s.old.ExcludeLocal)+len(s.old.ExcludeRemote) > 0 {
		return nil // decided once
	}
	var options []guide.Option
	var chosen []string
	for _, x := range found {
		label := x.Remote
		if x.NoMail {
			label += " (no mail)"
			chosen = append(chosen, x.Remote)
		}
		options = append(options, guide.Option{Value: x.Remote, Label: label})
	}
	if len(options) == 0 {
		return nil
	}
	if err := s.guide.Pick(ctx, "Leave out folders?", "They stay where they are, and are not synced", options, &chosen); err != nil {
		return err
	}
	for _, x := range found {
		if slices.Contains(chosen, x.Remote) {
			a.LeftOut = append(a.LeftOut, x)
		}
	}
	return nil
}

// chooseIntervals asks how often both ends are compared, besides at once; those
// that are set are proposed.
func (s *setting) chooseIntervals(ctx context.Context) error {
	if err := s.readIntervals(); err != nil {
		return err
	}
	if s.given("pull") || s.given("push") {
		return nil
	}
	about := "A change at either end is synced at once; this finds what nobody told of"
	if s.there == nil {
		about = "Without smd-applet there changes at the server are only found so; those here go at once"
	}
	proposed := setup.Minutes(s.answers.Pull)
	value := proposed
	if err := s.guide.Input(ctx, "Every how many minutes is the server asked for changes?", about, &value, interval); err != nil {
		return err
	}
	if value = strings.TrimSpace(value); value == proposed {
		return nil
	}
	every, err := config.Minutes(value)
	if err != nil {
		return fault.New(fault.Config, "set the interval", "", err)
	}
	s.answers.Pull = every
	if s.answers.Push > 0 { // who wants it seldom wants both so
		s.answers.Push = max(s.answers.Push, every)
	}
	return nil
}

func interval(v string) error {
	_, err := config.Minutes(strings.TrimSpace(v))
	return err
}

// readIntervals finds those of the loop file, but for what an option says.
func (s *setting) readIntervals() error {
	if _, err := os.Stat(s.paths.Loop()); err != nil {
		return nil
	}
	entries, err := config.LoadLoop(s.paths)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Endpoint != s.answers.Endpoint {
			continue
		}
		if !s.given("pull") {
			s.answers.Pull = e.Pull
		}
		if !s.given("push") {
			s.answers.Push = e.Push
		}
	}
	return nil
}

// chooseKey asks for a key of its own.
func (s *setting) chooseKey(ctx context.Context) error {
	if s.server != s.login || s.there == nil && !s.dryRun {
		return nil // it has one, or can't have one
	}
	if !s.given("key") {
		s.key = s.guide != nil
		if err := s.guide.Confirm(ctx, "Make a key that may do nothing but sync?", "It has no passphrase, and is of no other use to a thief", &s.key); err != nil {
			return err
		}
	}
	if s.key {
		s.answers.Server = restrict.AliasOf(s.login)
	}
	return nil
}

// write shows what changes, asks, and does it.
func (s *setting) write(ctx context.Context) error {
	oldLoop, err := os.ReadFile(s.paths.Loop())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Config, "read the loop file", s.paths.Loop(), err)
	}
	files, err := setup.Plan(ctx, s.paths, s.answers, s.oldConfig, string(oldLoop))
	if err != nil {
		return err
	}
	changed := false
	for _, f := range files {
		if f.Changed() {
			changed = true
			name := "~" + strings.TrimPrefix(f.Path, s.paths.Home)
			fmt.Fprintf(s.out, "%s", shownDiff(name, f.Old, f.New))
		}
	}
	if !changed {
		s.say("~/.smd is as it is to be")
	}
	k, err := newRestrictedKey(ctx, s.pool, s.login, s.answers.Server, []string{s.remoteMailbox()})
	if err != nil {
		return err
	}
	if s.dryRun {
		if s.key {
			return giveKey(ctx, k, true, s.out)
		}
		return nil
	}
	if changed {
		yes := true
		if err := s.guide.Confirm(ctx, "Write this?", "", &yes); err != nil {
			return err
		}
		if !yes {
			return guide.ErrStopped
		}
	}
	if s.key {
		if s.old != nil && len(s.old.Mailboxes) > 1 {
			k.Mailboxes = s.old.RemoteMailboxes()
		}
		if err := giveKey(ctx, k, false, s.out); err != nil {
			return err
		}
	}
	if err := s.paths.Make(); err != nil {
		return err
	}
	for _, f := range files {
		if !f.Changed() {
			continue
		}
		if err := replace(f); err != nil {
			return fault.New(fault.Config, "write", f.Path, err)
		}
		s.say("wrote %s", f.Path)
	}
	return nil
}

func (s *setting) remoteMailbox() string {
	if s.answers.Remote == "" && s.old != nil {
		return s.old.Mailboxes[0].Remote
	}
	return s.answers.Remote
}

// shownDiff is what changes in a file; of a new one all that is no comment.
func shownDiff(name, old, text string) string {
	if old != "" {
		return string(diff.Diff(name, []byte(old), name+" (new)", []byte(text)))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, new:\n", name)
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimSpace(line); trimmed != "" && !strings.HasPrefix(trimmed, "#") {
			b.WriteString("+" + line)
		}
	}
	return b.String()
}

// replace writes a file, unless somebody changed it meanwhile; through links to
// it, and with its permissions.
func replace(f setup.File) error {
	path, perm := f.Path, fs.FileMode(0o600)
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if string(text) != f.Old {
		return errors.New("it was changed meanwhile: run it again")
	}
	if st, err := os.Stat(path); err == nil {
		perm = st.Mode().Perm()
	}
	return durable.WriteFile(path, perm, func(w io.Writer) error {
		_, err := io.WriteString(w, f.New)
		return err
	})
}

// check says what does not fit together.
func (s *setting) check(ctx context.Context) error {
	if s.dryRun {
		return nil
	}
	self, err := programPath()
	if err != nil {
		return err
	}
	findings, err := (&sync.Sessions{Paths: s.paths, Program: self, Version: "smd-applet " + version, Log: s.log, Pool: s.pool}).Check(ctx, s.answers.Endpoint)
	if err != nil {
		return err
	}
	wrong := slices.DeleteFunc(findings, func(f check.Finding) bool { return f.Level != check.Error && f.Level != check.Warning })
	if len(wrong) > 0 {
		if err := printFindings(s.out, s.answers.Endpoint, wrong); err != nil {
			return err
		}
	}
	if check.Count(wrong, check.Error) > 0 {
		return exitStatus(exitFailure)
	}
	s.say("checked at both ends: it fits together")
	return nil
}

// first makes the first sync.
func (s *setting) first(ctx context.Context) error {
	if s.dryRun {
		return nil
	}
	if !s.given("sync") {
		// What both ends have is compared by content; mail that another program
		// brought here, with headers of its own, would be there twice.
		both := s.old == nil && boxOf(s.here, s.answers.Local) != nil && boxOf(s.there, s.answers.Remote) != nil
		s.sync = s.guide != nil && !both
		about := ""
		if both {
			about = "Both ends have mail. What is the same at both stays once; what only one has comes to the other. Mail that OfflineIMAP brought here has a header more, and would be there twice: smd-strip-header first. Nothing is deleted."
		}
		if err := s.guide.Confirm(ctx, "Make the first sync now?", about, &s.sync); err != nil {
			return err
		}
	}
	if !s.sync {
		s.say("next: smd-applet sync %s", s.answers.Endpoint)
		return nil
	}
	if err := syncHere(ctx, s.answers.Endpoint); err != nil {
		return err
	}
	s.say("synced: both ends have the same")
	return nil
}

// atLogin has the applet start at login.
func (s *setting) atLogin(ctx context.Context) error {
	if s.dryRun {
		return nil
	}
	entry, err := autostart.ForUser()
	if err != nil {
		return err
	}
	if on, err := entry.Enabled(); err == nil && on {
		return nil
	}
	if !s.given("autostart") {
		s.autostart = s.guide != nil
		if err := s.guide.Confirm(ctx, "Start the applet at login?", "Without a desktop: systemctl --user enable --now smd-loop", &s.autostart); err != nil {
			return err
		}
	}
	if !s.autostart {
		s.say("smd-applet (in a panel) or smd-loop keeps it in step from now on")
		return nil
	}
	if err := entry.Set(true); err != nil {
		return err
	}
	s.say("smd-applet starts at the next login; start it now with: smd-applet &")
	return nil
}
