package desk

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	stdsync "sync"
	"testing"
	"time"

	"smd-applet/notify"
	"smd-applet/phrase"
	"smd-applet/sync"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

// engine tells what it was asked for.
type engine struct {
	calls chan string

	mu    stdsync.Mutex
	state sync.State
}

func (e *engine) State() sync.State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

func (e *engine) show(kind fault.Kind) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state = sync.State{Endpoints: []sync.EndpointState{{Name: "work", Problem: &sync.Problem{Err: &fault.Error{Kind: kind}}}}}
}

func (e *engine) SyncNow(endpoint string) { e.calls <- "sync " + endpoint }
func (e *engine) Pause(endpoint string)   { e.calls <- "pause " + endpoint }
func (e *engine) Resume(endpoint string)  { e.calls <- "resume " + endpoint }

func (e *engine) Confirm(endpoint string) error {
	e.calls <- "confirm " + endpoint
	return nil
}

func (e *engine) Restore(endpoint string) error { return errors.New("no such messages") }

// table is a desk in a test, with a home of its own.
type table struct {
	*Desk
	t      *testing.T
	engine *engine
	opened chan string
	key    Key
}

func newTable(t *testing.T) *table {
	t.Helper()
	w := &table{t: t, engine: &engine{calls: make(chan string, 10)}, opened: make(chan string, 10)}
	w.engine.show(fault.Conflict)
	paths := config.Paths{Home: t.TempDir()}
	if err := paths.Make(); err != nil {
		t.Fatal(err)
	}
	w.Desk = New(t.Context(), Options{
		Engine: w.engine, Paths: paths, Book: phrase.English, Version: "1.2",
		Open:     func(_ context.Context, path string) error { w.opened <- path; return nil },
		FetchKey: func(context.Context, string) (Key, error) { return w.key, nil },
		Quit:     func() { w.engine.calls <- "quit" },
		Logger:   slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	t.Cleanup(w.Close)
	return w
}

// within waits for a value, which is to be want.
func within(t *testing.T, from <-chan string, want string) {
	t.Helper()
	select {
	case got := <-from:
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	case <-time.After(time.Minute):
		t.Fatalf("waited in vain for %q", want)
	}
}

// noted waits until something is noted about work's problem, and returns it.
func (w *table) noted() string {
	w.t.Helper()
	select {
	case <-w.Noted():
	case <-time.After(time.Minute):
		w.t.Fatal("nothing was noted")
	}
	return w.Notes()["work"].Text
}

func (w *table) notice() notify.Notice {
	w.t.Helper()
	select {
	case n := <-w.Notices():
		return n
	case <-time.After(time.Minute):
		w.t.Fatal("no popup came")
		return notify.Notice{}
	}
}

func (w *table) write(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.Paths.Home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func TestActs(t *testing.T) {
	t.Parallel()
	w := newTable(t)
	message := w.write("Mail/cur/1.host:2,S", "Subject: x\n")
	log := w.write(".smd/log/client.work.log", "said\n")
	for _, c := range []struct {
		endpoint string
		action   fault.Action
		from     <-chan string
		want     string
	}{
		{"work", fault.Action{Kind: fault.Retry}, w.engine.calls, "sync work"},
		{"work", fault.Action{Kind: fault.ConfirmHeld}, w.engine.calls, "confirm work"},
		{"work", fault.Action{Kind: fault.OpenLog}, w.opened, log},
		{"home", fault.Action{Kind: fault.OpenLog}, w.opened, w.Paths.LoopLog()},
		{"work", fault.Action{Kind: fault.EditConfig}, w.opened, w.Paths.Config("work")},
		{"work", fault.Action{Kind: fault.EditConfig, Arg: "/etc/ssh"}, w.opened, "/etc/ssh"},
		{"", fault.Action{Kind: fault.EditConfig}, w.opened, w.Paths.Loop()},
		{"work", fault.Action{Kind: fault.ShowMail, Arg: "Mail/cur/1.host:2,S"}, w.opened, message},
		{"work", fault.Action{Kind: fault.ShowPerms, Arg: "Mail/cur/none"}, w.opened, filepath.Join(w.Paths.Home, "Mail", "cur")},
		{"work", fault.Action{Kind: fault.ShowPerms, Arg: "/no/such"}, w.opened, "/"},
	} {
		w.Act(c.endpoint, c.action)
		within(t, c.from, c.want)
	}
	w.Act("work", fault.Action{Kind: fault.RestoreHeld})
	if got := w.noted(); got != "that did not work: no such messages" {
		t.Errorf("noted: %q", got)
	}
	w.engine.show(fault.Network)
	if notes := w.Notes(); len(notes) != 0 {
		t.Errorf("notes about a problem that is over: %v", notes)
	}
}

// The message here gets out of the way of the other end's, whole and with its
// flags.
func TestKeepBoth(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"cur/1.host:2,FS", "cur/1.host", "new/1.host"} {
		w := newTable(t)
		path := w.write("Mail/"+name, "Subject: ours\n")
		w.Act("work", fault.Action{Kind: fault.KeepBoth, Arg: "Mail/" + name})
		within(t, w.engine.calls, "sync work")
		files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
		if err != nil || len(files) != 1 || files[0] == path {
			t.Fatalf("%s: %q, %v", name, files, err)
		}
		if text, err := os.ReadFile(files[0]); err != nil || string(text) != "Subject: ours\n" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		_, flags, _ := strings.Cut(path, ":2,")
		if _, got, _ := strings.Cut(files[0], ":2,"); got != flags {
			t.Errorf("%s became %s", name, files[0])
		}
		if got := w.noted(); got != "both are kept, the one from here under a new name" {
			t.Errorf("noted: %q", got)
		}
	}
}

func TestFix(t *testing.T) {
	t.Parallel()
	w := newTable(t)
	w.write("Mail/cur/it's one", "x")
	w.Act("work", fault.Action{Kind: fault.RunCommand, Arg: `chmod u-w -- 'Mail/cur/it'\''s one'`})
	within(t, w.engine.calls, "sync work")
	if st, err := os.Stat(filepath.Join(w.Paths.Home, "Mail/cur/it's one")); err != nil || st.Mode().Perm() != 0o400 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	if got := w.noted(); !strings.HasPrefix(got, "done: chmod") {
		t.Errorf("noted: %q", got)
	}
	w.Act("work", fault.Action{Kind: fault.RunCommand, Arg: "echo no right; exit 3"})
	if got := w.noted(); got != "that did not work: exit status 3: no right" {
		t.Errorf("noted: %q", got)
	}
}

// A key is trusted only after it was shown, once, and only the one shown.
func TestTrust(t *testing.T) {
	t.Parallel()
	w := newTable(t)
	w.engine.show(fault.HostKeyChanged)
	recorded := 0
	w.key = Key{Type: "ssh-ed25519", Fingerprint: "SHA256:new", Replaces: []string{"SHA256:old"}, Record: func() error { recorded++; return nil }}
	ask := fault.Action{Kind: fault.TrustHost, Arg: "mailhost"}

	w.Act("work", fault.Action{Kind: trustKey, Arg: "SHA256:new"})
	if got := w.noted(); got != "that did not work: no such key was shown" {
		t.Errorf("noted: %q", got)
	}
	w.Act("work", ask)
	text := w.noted()
	for _, words := range []string{"mailhost", "SHA256:new", "SHA256:old", "reinstalled"} {
		if !strings.Contains(text, words) {
			t.Errorf("%q does not tell of %s", text, words)
		}
	}
	n := w.notice()
	if n.Urgency != notify.Critical || !strings.Contains(n.Body, "ssh_host_ed25519_key.pub") || !strings.Contains(n.Body, "SHA256:old") || len(n.Choices) != 2 {
		t.Errorf("popup %+v", n)
	}
	n.Choices[1].Do() // not
	if got := w.noted(); got != "its key is not trusted" || recorded != 0 {
		t.Errorf("noted: %q, recorded %d times", got, recorded)
	}

	w.Act("work", ask)
	w.noted()
	n = w.notice()
	offer := w.Notes()["work"].Offers[0]
	w.Act("work", fault.Action{Kind: offer.Kind, Arg: "SHA256:another"})
	if got := w.noted(); got != "that did not work: no such key was shown" || recorded != 0 {
		t.Errorf("noted: %q, recorded %d times", got, recorded)
	}
	w.Act("work", ask)
	w.noted()
	w.notice()
	w.Act("work", offer.Action)
	within(t, w.engine.calls, "sync work")
	if gone := w.notice(); gone.Name != n.Name || gone.Title != "" || recorded != 1 {
		t.Errorf("the popup stays: %+v, recorded %d times", gone, recorded)
	}
}

// A second start shows the state where no panel does, with the buttons most
// needed.
func TestStatus(t *testing.T) {
	t.Parallel()
	w := newTable(t)
	now := time.Now()
	s := sync.State{Overall: sync.Idle, Endpoints: []sync.EndpointState{{Name: "work", LastSuccess: now}}}
	n := w.status(s, now)
	if n.Title != "Mail is in sync" || n.Body != "work: synced just now" {
		t.Errorf("%q, %q", n.Title, n.Body)
	}
	for i, want := range []string{"sync ", "pause "} {
		n.Choices[i].Do()
		within(t, w.engine.calls, want)
	}
	n.Choices[2].Do()
	within(t, w.opened, w.Paths.LoopLog())
	n.Choices[3].Do()
	within(t, w.engine.calls, "quit")
	s.Overall = sync.Paused
	labels := []string{}
	for _, c := range w.status(s, now).Choices {
		labels = append(labels, c.Label)
	}
	if !slices.Equal(labels, []string{"Sync now", "Resume", "Open log", "Quit"}) {
		t.Errorf("%q", labels)
	}
	w.About()
	if about := w.notice(); about.Title != "smd-applet 1.2" {
		t.Errorf("about: %+v", about)
	}
}

// Whatever is going on ends with the desk.
func TestCloseEndsAFix(t *testing.T) {
	t.Parallel()
	w := newTable(t)
	started := filepath.Join(w.Paths.Home, "started")
	w.Act("work", fault.Action{Kind: fault.RunCommand, Arg: "touch started; exec sleep 1000"})
	for deadline := time.Now().Add(time.Minute); ; {
		if _, err := os.Stat(started); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not start")
		}
		<-time.After(10 * time.Millisecond)
	}
	w.About()
	w.Close()
}
