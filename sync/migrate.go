package sync

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	stdsync "sync"

	"smd-applet/sync/census"
	"smd-applet/sync/config"
	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
	"smd-applet/sync/lock"
	"smd-applet/sync/maildir"
	"smd-applet/sync/migrate"
)

// Migration is what a person says of a migration; what is empty is found out.
type Migration struct {
	Source   *migrate.Source
	Endpoint string // of the new configuration
	Server   string // how ssh reaches the server
	Remote   string // the mailbox there
	Into     string // the new tree, below home
	// ServerLayout names the folders of the new tree as the server does; else
	// they keep their names, where a translation can say so.
	ServerLayout bool
}

// Migrator carries out a migration, step by step; one that was cut goes on where
// it stopped.
type Migrator struct {
	*Sessions
	Migration
	Report *MigrationReport

	dir    string // of its record
	record migrationRecord
	e      *config.Endpoint // old tree and server
	both   *BothEnds
	layout *migrate.Layout
	plan   *migrate.Plan
	tags   *migrate.Tags
	noTags error
}

// MigrationReport says what a migration will do, before it does.
type MigrationReport struct {
	Old, New    string // below home
	Server      string
	Remote      string
	Here, There census.Count
	Mode        string
	Folders     map[string]string // the server's, by the old tree's
	Guessed     []string
	Excluded    []string // folders at the server that are left out, for they have no name here
	Plan        *migrate.Plan
	Download    int // messages that only the server has
	Strays      []census.Stray
	Notes       []string
	Tags        bool
	NoTags      string // why notmuch is left alone
	Config      string
	InPlace     bool // the new tree is there already
}

// migrationRecord is what is kept of a migration between runs.
type migrationRecord struct {
	Old, New string
	Tree     bool // the new tree is whole
	Mode     string
	Folders  map[string]string // the server's, by the old tree's
	Excluded []string
	Renamed  map[string]string
	Notmuch  string // what notmuch looked after when it began; empty where it is left alone
	Tags     bool   // are carried over
	Config   bool   // is ours: written, or about to be
}

const migrateHint = "run smd-applet migrate again: it goes on where it stopped"

// PlanMigration looks at both ends and says what there is to do. It changes
// nothing. The caller closes the Migrator.
func (s *Sessions) PlanMigration(ctx context.Context, m Migration, progress func(files int)) (_ *Migrator, err error) {
	g := &Migrator{Sessions: s, Migration: m}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.Close())
		}
	}()
	old, err := filepath.Rel(s.Paths.Home, m.Source.Local)
	if err == nil {
		old, err = config.CleanMailbox(strings.ReplaceAll(old, " ", "%20"))
	}
	if err != nil {
		return nil, fault.New(fault.Config, "migrate", m.Source.Local, fmt.Errorf("mail has to be below the home: %w", err))
	}
	if m.Into == "" {
		g.Into = old + "-smd"
	}
	if m.Server == "" {
		g.Server = m.Source.Host
	}
	if g.Server == "" {
		return nil, &fault.Error{Kind: fault.Config, Op: "migrate", Path: m.Source.Name, Err: errors.New("no server is named"), Hint: "name the server with --server, as ssh knows it"}
	}
	g.dir = filepath.Join(s.Paths.SMD(), "migrate", g.Endpoint)
	if err := g.load(old); err != nil {
		return nil, err
	}
	if err := g.notRunning(); err != nil {
		return nil, err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	g.e = &config.Endpoint{Name: g.Endpoint, ServerName: g.Server, ClientName: strings.Map(plainName, hostname+"-"+g.Endpoint)}
	if err := g.findRemote(ctx); err != nil {
		return nil, err
	}
	g.e.Mailboxes = []config.Mailbox{{Local: old, Remote: g.Remote}}
	g.e.ExcludeLocal = []string{strings.ReplaceAll(old, " ", "%20") + "/.notmuch/"}
	g.e.ExcludeRemote = []string{strings.ReplaceAll(g.Remote, " ", "%20") + "/.notmuch/"}
	if g.both, err = s.Census(ctx, g.e, m.Source.Header, progress); err != nil {
		return nil, err
	}
	if g.record.Tree {
		g.layout = &migrate.Layout{Mode: g.record.Mode, Remote: g.record.Folders, Unnamed: g.record.Excluded}
	} else if g.layout, err = migrate.FindLayout(g.e, s.Paths.Home, g.both.Here, g.both.There); err != nil {
		return nil, err
	}
	if g.ServerLayout && !g.record.Tree {
		g.layout.Mode, g.layout.Unnamed = "", nil
	}
	g.plan = migrate.Make(g.both.Here, g.both.There, g.layout, g.folder)
	g.tags, g.noTags = g.findTags(ctx, old)
	if g.noTags != nil && !errors.Is(g.noTags, migrate.ErrNoTags) {
		return nil, g.noTags
	}
	g.tell(old)
	return g, nil
}

// findTags finds notmuch as it was when the migration began: a run that was cut may
// have pointed it at the new tree already, or halfway.
func (g *Migrator) findTags(ctx context.Context, old string) (*migrate.Tags, error) {
	from, to := filepath.Join(g.Paths.Home, old), filepath.Join(g.Paths.Home, g.Into)
	switch {
	case g.record.Tags:
		return nil, fmt.Errorf("%w any more: its tags are carried over", migrate.ErrNoTags)
	case g.record.Tree && g.record.Notmuch != "":
		return migrate.ResumeTags(g.Paths.Home, from, to, g.dir, g.record.Notmuch), nil
	}
	return migrate.FindTags(ctx, g.Paths.Home, from, to, g.dir)
}

func plainName(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
		return r
	}
	return '-'
}

// Close ends the line to the server.
func (g *Migrator) Close() error {
	if g.both == nil {
		return nil
	}
	err := g.both.Close()
	g.both = nil
	return err
}

// folder is where a folder of the old tree comes to be: under its own name where
// a mode of the translation says what the server calls it, else under that.
func (g *Migrator) folder(local string) string {
	root := g.e.Mailboxes[0]
	if remote := g.layout.Remote[local]; g.layout.Mode == "" && remote != "" {
		return g.Into + strings.TrimPrefix(remote, root.Remote)
	}
	return g.Into + strings.TrimPrefix(local, root.Local)
}

// load reads what an earlier run of this migration left.
func (g *Migrator) load(old string) error {
	text, err := os.ReadFile(g.recordFile())
	switch {
	case err == nil:
		err = json.Unmarshal(text, &g.record)
	case errors.Is(err, fs.ErrNotExist):
		g.record, err = migrationRecord{Old: old, New: g.Into}, nil
	}
	if err != nil {
		return fault.New(fault.Config, "read", g.dir, err)
	}
	if g.record.Old != old || g.record.New != g.Into {
		return &fault.Error{
			Kind: fault.Config, Op: "migrate", Path: g.dir, Err: fmt.Errorf("%s was migrated to %s under the name %s", g.record.Old, g.record.New, g.Endpoint),
			Hint: "give the new endpoint another name with --endpoint",
		}
	}
	_, err = os.Lstat(filepath.Join(g.Paths.Home, g.Into))
	if err == nil && !g.record.Tree {
		// Cut between putting it in place and saying so: it was made by this run
		// only if nothing else could have.
		if _, claimed := os.Stat(g.claim()); claimed != nil {
			return &fault.Error{
				Kind: fault.Config, Op: "migrate to", Path: g.Into, Err: fs.ErrExist,
				Hint: "name another place with --into, or move that away",
			}
		}
		g.record.Tree = g.record.Folders != nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		g.record.Tree, g.record.Tags = false, false
	}
	if _, err := os.Stat(g.Paths.Config(g.Endpoint)); err == nil && !g.record.Config {
		return &fault.Error{
			Kind: fault.Config, Op: "migrate", Path: g.Paths.Config(g.Endpoint), Err: fs.ErrExist,
			Hint: "give the new endpoint another name with --endpoint",
		}
	}
	return nil
}

func (g *Migrator) claim() string { return filepath.Join(g.dir, "growing") }

func (g *Migrator) save() error {
	err := durable.MkdirAll(g.dir, 0o700)
	if err == nil {
		err = durable.WriteFile(g.recordFile(), 0o600, func(w io.Writer) error { return json.NewEncoder(w).Encode(g.record) })
	}
	if err != nil {
		return fault.New(maildir.KindOf(err), "write", g.dir, err)
	}
	return nil
}

// notRunning makes sure that the former program does not run: it would move
// messages under our hands.
func (g *Migrator) notRunning() error {
	pid, file, err := g.Source.Running()
	if err != nil {
		return fault.New(maildir.KindOf(err), "migrate", g.Source.Local, err)
	}
	if pid != 0 {
		return &fault.Error{
			Kind: fault.Locked, Op: "migrate", Path: file, Err: fmt.Errorf("process %d works on the old mailbox", pid),
			Hint: "end that program, see to it that nothing starts it, and run this again",
		}
	}
	return nil
}

// usualMailboxes are where a server's mail is mostly.
var usualMailboxes = []string{"Maildir", "Mail", "mail"}

// findRemote finds the mailbox at the server, and with it whether smd-applet is
// there.
func (g *Migrator) findRemote(ctx context.Context) error {
	names := usualMailboxes
	if g.Remote != "" {
		names = []string{g.Remote}
	}
	e := *g.e
	for _, n := range names {
		e.Mailboxes = append(e.Mailboxes, config.Mailbox{Local: n, Remote: n})
	}
	r := &session{Sessions: g.dry(), endpoint: &e, direction: Pull, report: func(Progress) {}}
	host, err := r.host(ctx)
	if err != nil {
		return err
	}
	answer, _, err := r.ask(ctx, host, io.Discard)
	if fault.Is(err, fault.RemoteProgram) {
		return needsApplet(g.Server, err)
	}
	if err != nil {
		return err
	}
	for _, m := range answer.Mailboxes {
		if m.Missing == "" && len(m.Folders) > 0 && slices.Contains(names, m.Name) {
			g.Remote = m.Name
			return nil
		}
	}
	return &fault.Error{
		Kind: fault.MailboxMissing, Op: "find the mailbox at", Path: g.Server, Err: fmt.Errorf("none of %s has folders", strings.Join(names, ", ")),
		Hint: "name the mailbox with --remote, as it lies below the home there",
	}
}

func (g *Migrator) tell(old string) {
	r := &MigrationReport{
		Old: old, New: g.Into, Server: g.Server, Remote: g.Remote, Plan: g.plan, Notes: g.Source.Notes,
		Here: census.Total(g.both.Here.ByFolder()), There: census.Total(g.both.There.ByFolder()),
		Mode: g.layout.Mode, Folders: g.layout.Remote, Guessed: g.layout.Guessed, Excluded: g.layout.Unnamed,
		Tags: g.tags != nil, InPlace: g.record.Tree, Config: g.Paths.Config(g.Endpoint),
	}
	excluded := 0
	for i := range g.both.There.Messages {
		if slices.Contains(g.layout.Unnamed, g.both.There.Messages[i].Name.Folder) {
			excluded++
		}
	}
	r.Download = r.There.Messages - g.plan.Matched - excluded
	if g.noTags != nil {
		r.NoTags = g.noTags.Error()
	}
	for _, s := range g.both.Here.Strays {
		if s.Kind != census.ServerFile && s.Kind != census.Temporary {
			r.Strays = append(r.Strays, s)
		}
	}
	g.Report = r
}

// Outcome is what a migration did.
type Outcome struct {
	Carried int      // messages with the tags they had
	Gone    []string // that notmuch knew and the old tree did not have
	Synced  Summary
	Proof   *census.SideBySide
	Missing []string // of the old tree, in the new one no more: always empty
}

// Run carries the migration out: new tree, tags, configuration, first sync, proof.
func (g *Migrator) Run(ctx context.Context, report func(Progress)) (out *Outcome, err error) {
	defer func() {
		if f := fault.As(err); f != nil && f.Hint == "" {
			c := *f
			c.Hint, err = migrateHint, &c
		}
	}()
	if err := g.notRunning(); err != nil { // a yes may take its time
		return nil, err
	}
	held, err := lock.Acquire(ctx, g.Paths.Home, mailboxWait, slices.Sorted(slices.Values([]string{g.record.Old, g.Into}))...)
	if err != nil {
		return nil, err
	}
	release := stdsync.OnceValue(held.Close)
	defer func() { err = errors.Join(err, release()) }()
	if err := g.build(ctx, report); err != nil {
		return nil, err
	}
	if err := g.sweep(); err != nil {
		return nil, err
	}
	before := g.both.Here
	if err := g.Close(); err != nil {
		return nil, err
	}
	out = &Outcome{}
	if err := g.carryTags(ctx, out); err != nil {
		return nil, err
	}
	if err := g.configure(); err != nil {
		return nil, err
	}
	if err := release(); err != nil {
		return nil, err
	}
	result, err := Once(ctx, g.Sessions, g.Endpoint, report)
	if err != nil {
		return nil, err
	}
	out.Synced = result.Summary
	return out, g.prove(ctx, before, out, report)
}

// sweep removes what a run that was cut left of files it was writing.
func (g *Migrator) sweep() error {
	for _, path := range append(migrate.TagFiles(g.dir), g.recordFile(), g.Paths.Config(g.Endpoint)) {
		if err := durable.Sweep(path); err != nil {
			return fault.New(maildir.KindOf(err), "remove what is left beside", path, err)
		}
	}
	return nil
}

func (g *Migrator) recordFile() string { return filepath.Join(g.dir, "record.json") }

func (g *Migrator) build(ctx context.Context, report func(Progress)) error {
	if g.record.Tree {
		return nil
	}
	if g.tags != nil {
		if err := durable.MkdirAll(g.dir, 0o700); err != nil {
			return fault.New(maildir.KindOf(err), "create", g.dir, err)
		}
		if err := g.tags.Save(ctx); err != nil {
			return err
		}
		g.record.Notmuch = g.tags.Root()
	}
	g.record.Mode, g.record.Folders, g.record.Excluded = g.layout.Mode, g.layout.Remote, g.layout.Unnamed
	renamed, err := g.findRenamed()
	if err != nil {
		return err
	}
	g.record.Renamed = renamed
	if err := g.save(); err != nil {
		return err
	}
	if err := os.WriteFile(g.claim(), nil, 0o600); err != nil {
		return fault.New(maildir.KindOf(err), "write", g.claim(), err)
	}
	var mu stdsync.Mutex
	tree := &migrate.Tree{
		Home: g.Paths.Home, Old: g.both.store, Root: g.Into, Header: g.Source.Header, Ask: g.both.line.Headers,
		Progress: func(done, total int) {
			mu.Lock()
			defer mu.Unlock()
			report(Progress{Phase: PhaseTransferring, Done: done, Total: total})
		},
	}
	if err := tree.Build(ctx, g.plan); err != nil {
		return err
	}
	g.record.Tree = true
	return g.save()
}

// findRenamed finds what notmuch will call messages without a Message-ID whose
// content changes.
func (g *Migrator) findRenamed() (map[string]string, error) {
	renamed := make(map[string]string)
	for _, f := range g.plan.Files {
		if g.tags == nil || f.How == migrate.Same {
			continue
		}
		old, now, err := migrate.NotmuchIDs(g.both.store, f, g.Source.Header, g.both.line.Header)
		if err != nil {
			return nil, fault.New(maildir.KindOf(err), "look at", f.From.String(), err)
		}
		if old != "" {
			renamed[old] = now
		}
	}
	return renamed, nil
}

func (g *Migrator) carryTags(ctx context.Context, out *Outcome) error {
	if g.tags == nil || g.record.Tags {
		return nil
	}
	g.tags.Renamed = g.record.Renamed
	var err error
	if out.Carried, out.Gone, err = g.tags.Restore(ctx); err != nil {
		return err
	}
	if err := g.tags.Switch(ctx); err != nil {
		return err
	}
	g.record.Tags = true
	return g.save()
}

// configure writes the endpoint's configuration.
func (g *Migrator) configure() error {
	if _, err := os.Stat(g.Paths.Config(g.Endpoint)); err == nil && g.record.Config {
		return nil
	}
	if err := g.Paths.Make(); err != nil {
		return err
	}
	g.record.Config = true
	if err := g.save(); err != nil {
		return err
	}
	text := g.configText()
	err := durable.WriteFile(g.Paths.Config(g.Endpoint), 0o600, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if err != nil {
		return fault.New(maildir.KindOf(err), "write", g.Paths.Config(g.Endpoint), err)
	}
	return nil
}

func (g *Migrator) configText() string {
	blank := func(s string) string { return strings.ReplaceAll(s, " ", "%20") }
	var b strings.Builder
	fmt.Fprintf(&b, "# The endpoint %q, made from what kept ~/%s before. A shell script of assignments.\n\n", g.Endpoint, g.record.Old)
	fmt.Fprintf(&b, "SERVERNAME='%s'\nCLIENTNAME='%s'\n\n", strings.ReplaceAll(g.Server, "'", ""), g.e.ClientName)
	fmt.Fprintf(&b, "# The mailbox here and there.\nMAILBOX_LOCAL='%s'\nMAILBOX_REMOTE='%s'\n", blank(g.Into), blank(g.Remote))
	fmt.Fprintf(&b, "\n# What folders are called here and there.\nTRANSLATOR_LR=\"smd-translate -m %[1]s -d LR %[2]s\"\nTRANSLATOR_RL=\"smd-translate -m %[1]s -d RL %[2]s\"\n", cmp.Or(g.record.Mode, "move"), g.Endpoint)
	there := []string{g.Remote + "/.notmuch/"}
	for _, f := range g.record.Excluded {
		there = append(there, f+"/")
	}
	for i := range there {
		there[i] = blank(there[i])
	}
	fmt.Fprintf(&b, "\n# What is no mail, or has no name on this side.\nEXCLUDE_LOCAL='%s/.notmuch/'\nEXCLUDE_REMOTE='%s'\n", blank(g.Into), strings.Join(there, " "))
	if g.record.Notmuch != "" {
		b.WriteString("\n# notmuch is told of what a sync changed.\nNOTMUCH=insert\n")
	}
	return b.String()
}

// prove compares both ends, and the new tree with the old one.
func (g *Migrator) prove(ctx context.Context, before *census.Census, out *Outcome, report func(Progress)) (err error) {
	e, err := config.Load(ctx, g.Paths, g.Endpoint)
	if err != nil {
		return err
	}
	both, err := g.Census(ctx, e, g.Source.Header, func(files int) { report(Progress{Phase: PhaseTransferring, Done: files}) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, both.Close()) }()
	out.Proof = both.SideBySide(3)
	type place struct {
		folder string
		sum    maildir.Sum
	}
	now := make(map[place]int)
	for i := range both.Here.Messages {
		m := &both.Here.Messages[i]
		now[place{m.Name.Folder, m.Alike()}]++
	}
	for i := range before.Messages {
		m := &before.Messages[i]
		p := place{g.folder(m.Name.Folder), m.Alike()}
		if now[p]--; now[p] < 0 {
			out.Missing = append(out.Missing, m.Name.String())
		}
	}
	if len(out.Missing) > 0 {
		return fault.New(fault.Internal, "find every message of the old tree in", g.Into, fmt.Errorf("%d are not there, such as %s", len(out.Missing), path.Base(out.Missing[0])))
	}
	return nil
}
