package check_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"smd-applet/sync/check"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/probe"
)

// stranger is another end, made up.
type stranger struct {
	answer  *probe.Answer
	folders map[string][]string // by mailbox, for List
}

func (s *stranger) How() string { return "made up" }

func (s *stranger) Probe(context.Context) (*probe.Answer, error) {
	if s.answer == nil {
		return nil, fault.New(fault.RemoteProgram, "start smd-applet", "", errors.New("not found"))
	}
	return s.answer, nil
}

func (s *stranger) Serve(context.Context) (program, protocol string, err error) {
	return "smd-server", "1.3", nil
}

func (s *stranger) List(_ context.Context, mailbox string) ([]string, error) {
	if s.folders == nil {
		return nil, errors.New("not allowed")
	}
	return s.folders[mailbox], nil
}

// gather makes a home with a configuration and folders, and asks peer.
func gather(t *testing.T, script string, peer check.Peer, folders ...string) *check.Facts {
	t.Helper()
	p := config.Paths{Home: t.TempDir()}
	if err := p.Make(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.Config("work"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if err := os.MkdirAll(filepath.Join(p.Home, f, "cur"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f, err := check.Gather(t.Context(), p, "work", func(context.Context, *config.Endpoint) (check.Peer, error) { return peer, nil })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const minimal = "SERVERNAME=box\nCLIENTNAME=laptop\nMAILBOX=Mail\n"

func TestGatherCountsExcludes(t *testing.T) {
	t.Parallel()
	peer := &stranger{answer: &probe.Answer{Mailboxes: []probe.Mailbox{{
		Name: "Mail", Folders: []string{"Mail", "Mail/.Spam", "Mail/.[x].y"}, Directories: []string{"Mail/.notmuch", "Mail/.notmuch/hooks", "Mail/.notmuch/hooks/old"},
	}}}}
	f := gather(t, minimal+`EXCLUDE="Mail/.Spam Mail/.None"
EXCLUDE_LOCAL="Mail/Old%20Spam/"
EXCLUDE_REMOTE="Mail/.notmuch/hooks/* Mail/.[x].y"
`, peer, "Mail", "Mail/.Spam", "Mail/Old Spam/2020", "Mail/kept")
	got := f.Excludes
	type want struct {
		setting, glob string
		here, there   int // -1: not counted
		literal       bool
	}
	for _, w := range []want{
		{"EXCLUDE", "Mail/.Spam", 1, 1, true},
		{"EXCLUDE", "Mail/.None", 0, 0, false},
		{"EXCLUDE_LOCAL", "Mail/Old%20Spam/", 2, -1, true},
		{"EXCLUDE_REMOTE", "Mail/.notmuch/hooks/*", -1, 2, true},
		{"EXCLUDE_REMOTE", "Mail/.[x].y", -1, 0, true},
	} {
		i := slices.IndexFunc(got, func(x check.Exclude) bool { return x.Glob == w.glob })
		if i < 0 {
			t.Fatalf("no %s in %+v", w.glob, got)
		}
		count := func(n *int) int {
			if n == nil {
				return -1
			}
			return *n
		}
		x := got[i]
		if g := (want{x.Setting, x.Glob, count(x.Here), count(x.There), x.Literal}); g != w {
			t.Errorf("%+v, want %+v", g, w)
		}
	}
	trips := func(all []check.RoundTrip) (folders []string) {
		for _, r := range all {
			folders = append(folders, r.Folder)
		}
		return folders
	}
	if got := trips(f.There); !slices.Equal(got, []string{"Mail", "Mail/kept"}) {
		t.Errorf("from here %q", got)
	}
	if got := trips(f.Here); !slices.Equal(got, []string{"Mail", "Mail/.[x].y"}) {
		t.Errorf("from there %q", got)
	}
}

// However many globs are none, each is told.
func TestGatherBadExcludes(t *testing.T) {
	t.Parallel()
	f := gather(t, minimal+"EXCLUDE='* Mail/a Mail/[z-a]'\n", &stranger{}, "Mail/a")
	var bad []bool
	for _, x := range f.Excludes {
		bad = append(bad, x.Err != nil)
	}
	if !slices.Equal(bad, []bool{true, false, true}) || *f.Excludes[1].Here != 1 {
		t.Errorf("%+v", f.Excludes)
	}
}

func TestGatherOfStock(t *testing.T) {
	t.Parallel()
	f := gather(t, minimal, &stranger{folders: map[string][]string{"Mail": {"Mail", "Mail/.Sent"}}})
	if r := f.Remote; r.Applet != "" || r.ListErr != nil || len(r.Mailboxes) != 1 || len(f.Here) != 2 {
		t.Errorf("%+v", f)
	}
	f = gather(t, minimal+"SUBSCRIBED_ONLY=true\n", &stranger{})
	if r := f.Remote; r.Mailboxes != nil || r.ListErr == nil || !fault.Is(f.SubscribedErr, fault.RemoteProgram) {
		t.Errorf("%+v", f)
	}
}

// What nobody subscribed to is not compared.
func TestGatherSubscriptions(t *testing.T) {
	t.Parallel()
	peer := &stranger{answer: &probe.Answer{Mailboxes: []probe.Mailbox{{
		Name: "Mail", Folders: []string{"Mail", "Mail/.Sent", "Mail/.Spam"}, Subscribed: []string{"Sent"},
	}}}}
	f := gather(t, minimal+"SUBSCRIBED_ONLY=true\n", peer, "Mail", "Mail/.Sent", "Mail/.Drafts")
	if len(f.Here) != 2 || len(f.There) != 2 || f.SubscribedErr != nil || f.Subscribed == nil {
		t.Errorf("%+v", f)
	}
}

// Without a configuration the rest is still looked at.
func TestGatherWithoutConfiguration(t *testing.T) {
	t.Parallel()
	f := gather(t, "SERVRNAME=box\n", nil)
	if f.Config != nil || f.ConfigErr == nil || len(f.Unread) != 1 || f.State != 0o700 || len(f.Loop) == 0 {
		t.Errorf("%+v", f)
	}
}
