package check

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"smd-applet/sync/config"
	"smd-applet/sync/exclude"
	"smd-applet/sync/fault"
	"smd-applet/sync/notmuch"
	"smd-applet/sync/probe"
	"smd-applet/sync/subscribe"
	"smd-applet/sync/translate"
)

// Peer is the other end.
type Peer interface {
	// How says which way it is reached.
	How() string
	// Probe asks smd-applet there. Its error is of kind [fault.RemoteProgram]
	// where it is not.
	Probe(ctx context.Context) (*probe.Answer, error)
	// Serve starts the program there that a pull starts, and returns its name and
	// the protocol it offers.
	Serve(ctx context.Context) (program, protocol string, err error)
	// List finds a mailbox's folders where there is no smd-applet.
	List(ctx context.Context, mailbox string) ([]string, error)
}

// Gather finds out about an endpoint. connect leads to the other end of its
// configuration. What can't be found out is a fact too; an error is only that of
// ctx.
func Gather(ctx context.Context, p config.Paths, endpoint string, connect func(context.Context, *config.Endpoint) (Peer, error)) (*Facts, error) {
	f := &Facts{Endpoint: endpoint, Home: p.Home, ConfigFile: p.Config(endpoint), LoopFile: p.Loop(), StateDir: p.SMD()}
	f.Config, f.ConfigErr = config.Load(ctx, p, endpoint)
	if unread, err := config.FindUnread(p, endpoint); err == nil {
		f.Unread = unread // else ConfigErr says why not
	}
	f.Loop, f.LoopErr = config.LoadLoop(p)
	f.Endpoints, _ = config.Endpoints(p) // a folder that can't be read shows below
	if st, err := os.Stat(p.SMD()); err == nil {
		f.State = st.Mode().Perm()
	}
	f.Hooks = hooks(p)
	if f.Config != nil {
		f.notmuch(ctx, p.Home)
		f.local(ctx, p.Home)
		f.remote(ctx, connect)
		f.leftOut()
		f.names(p.Home)
	}
	return f, ctx.Err()
}

// hooks lists the files that lie where hooks are looked for.
func hooks(p config.Paths) []Hook {
	var found []Hook
	for _, when := range []string{"pre", "post"} {
		for _, what := range []string{"pull", "push"} {
			dir := p.HooksDir(when, what)
			entries, err := os.ReadDir(dir)
			if err != nil {
				continue // none there
			}
			for _, e := range entries {
				file := filepath.Join(dir, e.Name())
				if st, err := os.Stat(file); err == nil && st.Mode().IsRegular() {
					found = append(found, Hook{file, st.Mode()&0o111 != 0})
				}
			}
		}
	}
	return found
}

func (f *Facts) notmuch(ctx context.Context, home string) {
	if f.Config.Notmuch == "" {
		return
	}
	var roots []string
	for _, m := range f.Config.LocalMailboxes() {
		roots = append(roots, filepath.Join(home, m))
	}
	n := &f.Notmuch
	n.Outside, n.Root, n.Err = notmuch.Outside(ctx, home, roots)
	if f.Config.Notmuch == "insert" {
		_, n.Slow = exec.LookPath("python3")
	}
}

func (f *Facts) local(ctx context.Context, home string) {
	a, err := probe.Look(ctx, home, f.Config.LocalMailboxes())
	if err != nil {
		f.LocalErr = err
		return
	}
	f.Local = a.Mailboxes
}

func (f *Facts) remote(ctx context.Context, connect func(context.Context, *config.Endpoint) (Peer, error)) {
	r := &f.Remote
	peer, err := connect(ctx, f.Config)
	if err != nil {
		r.LoginErr = err
		return
	}
	r.How = peer.How()
	r.Asked = time.Now()
	answer, err := peer.Probe(ctx)
	r.Answered = time.Now()
	if err != nil && !fault.Is(err, fault.RemoteProgram) {
		r.LoginErr = err
		return
	}
	r.ListErr = err
	r.Server, r.Protocol, r.ServerErr = peer.Serve(ctx)
	if answer != nil {
		r.Applet, r.Time, r.Mailboxes = answer.Version, answer.Time, answer.Mailboxes
		if f.Config.SubscribedOnly {
			f.Subscribed, f.SubscribedErr = answer.Subscriptions()
		}
		return
	}
	if f.Config.SubscribedOnly {
		f.SubscribedErr = err
	}
	if r.ServerErr != nil && !fault.Is(r.ServerErr, fault.MailboxMissing) {
		return // it is about the program, or worse
	}
	for _, name := range f.Config.RemoteMailboxes() {
		m := probe.Mailbox{Name: name}
		if m.Folders, r.ListErr = peer.List(ctx, name); r.ListErr != nil {
			r.Mailboxes = nil
			return
		}
		r.Mailboxes = append(r.Mailboxes, m)
	}
}

// leftOut counts what the excludes leave out.
func (f *Facts) leftOut() {
	for _, glob := range f.Config.ExcludeLocal {
		x := f.exclude(glob, "EXCLUDE_LOCAL")
		x.Here, x.Err = x.matches(f.Local, f.Config.LocalMailboxes())
	}
	for _, glob := range f.Config.ExcludeRemote {
		x := f.exclude(glob, "EXCLUDE_REMOTE")
		x.There, x.Err = x.matches(f.Remote.Mailboxes, f.Config.RemoteMailboxes())
	}
}

// exclude returns the entry of a glob; one of both ends is EXCLUDE's.
func (f *Facts) exclude(glob, setting string) *Exclude {
	for i := range f.Excludes {
		if x := &f.Excludes[i]; x.Glob == glob {
			if x.Setting != setting {
				x.Setting = "EXCLUDE"
			}
			return x
		}
	}
	f.Excludes = append(f.Excludes, Exclude{Glob: glob, Setting: setting})
	return &f.Excludes[len(f.Excludes)-1]
}

// matches counts the directories that x leaves out of mailboxes; nil where those
// are not known.
func (x *Exclude) matches(boxes []probe.Mailbox, roots []string) (*int, error) {
	m, err := exclude.New([]string{x.Glob}, roots...)
	if err != nil || boxes == nil {
		return nil, err
	}
	n := 0
	for _, box := range boxes {
		for _, dir := range slices.Concat(box.Folders, box.Directories) {
			if below(box.Name, dir, m.Match) {
				n++
			}
			x.Literal = x.Literal || dir == strings.ReplaceAll(exclude.Plain(x.Glob), "%20", " ")
		}
	}
	return &n, nil
}

// below reports whether a directory matches, or one above it in its mailbox.
func below(root, dir string, match func(string) bool) bool {
	for d := dir; d != "."; d = path.Dir(d) {
		if match(d) {
			return true
		}
		if d == root {
			break
		}
	}
	return false
}

// names translates every folder that is not left out there and back.
func (f *Facts) names(home string) {
	m, err := translate.New(f.Config, home)
	if err != nil {
		f.TranslatorErr = err
		return
	}
	here, err := exclude.New(f.Config.ExcludeLocal, f.Config.LocalMailboxes()...)
	there, errThere := exclude.New(f.Config.ExcludeRemote, f.Config.RemoteMailboxes()...)
	if errors.Join(err, errThere) != nil {
		return // told among the excludes
	}
	f.There = roundTrips(f.Local, here.Match, f.Subscribed, true, m.Remote, m.Local)
	f.Here = roundTrips(f.Remote.Mailboxes, there.Match, f.Subscribed, false, m.Local, m.Remote)
}

func roundTrips(boxes []probe.Mailbox, excluded func(string) bool, subscribed subscribe.Mailboxes, local bool, to, back func(string) (string, error)) []RoundTrip {
	var trips []RoundTrip
	for _, box := range boxes {
		for _, folder := range box.Folders {
			if below(box.Name, folder, excluded) {
				continue
			}
			t := RoundTrip{Folder: folder}
			if t.There, t.Err = to(folder); t.Err == nil {
				t.Back, t.Err = back(t.There)
			}
			remote := folder
			if local {
				remote = t.There
			}
			if subscribed != nil && remote != "" && !subscribed.Match(remote) {
				continue
			}
			trips = append(trips, t)
		}
	}
	return trips
}
