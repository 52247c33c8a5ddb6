package probe_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"smd-applet/sync/fault"
	"smd-applet/sync/probe"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// look makes a home and looks at it.
func look(t *testing.T, mailboxes ...string) *probe.Answer {
	t.Helper()
	home := t.TempDir()
	for _, dir := range []string{"Mail/cur", "Mail/.Sent/new", "Mail/.notmuch/hooks", "Mail/tmp", "Lists/go/cur"} {
		check(t, os.MkdirAll(filepath.Join(home, dir), 0o700))
	}
	check(t, os.WriteFile(filepath.Join(home, "Mail/subscriptions"), []byte("Sent\n"), 0o600))
	check(t, os.WriteFile(filepath.Join(home, "Mail/cur/1:2,S"), []byte("Subject: secret\n\n"), 0o600))
	check(t, os.WriteFile(filepath.Join(home, "file"), nil, 0o600))
	check(t, os.Symlink("/etc", filepath.Join(home, "Lists/etc")))
	a, err := probe.Look(t.Context(), home, mailboxes)
	check(t, err)
	return a
}

func TestLook(t *testing.T) {
	t.Parallel()
	a := look(t, "Mail", "Lists", "Missing", "file")
	if since := time.Since(a.Time); since < 0 || since > time.Minute {
		t.Errorf("the time is %v", a.Time)
	}
	mail, lists := a.Mailboxes[0], a.Mailboxes[1]
	for what, c := range map[string][2][]string{
		"folders":     {mail.Folders, {"Mail", "Mail/.Sent"}},
		"directories": {mail.Directories, {"Mail/.notmuch", "Mail/.notmuch/hooks"}},
		"subscribed":  {mail.Subscribed, {"Sent"}},
		"nested":      {lists.Folders, {"Lists/go"}},
		"links":       {lists.Skipped, {"Lists/etc"}},
	} {
		if !slices.Equal(c[0], c[1]) {
			t.Errorf("%s: %q, want %q", what, c[0], c[1])
		}
	}
	if mail.Missing != "" || mail.ReadOnly || mail.Free == nil || *mail.Free <= 0 || lists.Subscribed != nil {
		t.Errorf("%+v, %+v", mail, lists)
	}
	for _, m := range a.Mailboxes[2:] {
		if m.Missing == "" || m.Folders != nil {
			t.Errorf("%+v", m)
		}
	}
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	lists, err := look(t, "Mail").Subscriptions()
	if err != nil || !lists.Match("Mail") || !lists.Match("Mail/.Sent") || lists.Match("Mail/.Spam") {
		t.Errorf("%v, %v", lists, err)
	}
	_, err = look(t, "Mail", "Lists").Subscriptions()
	if f := fault.As(err); !fault.Is(err, fault.Config) || f.Path != "Lists" || !strings.Contains(f.WayOut(), "EXCLUDE") {
		t.Errorf("%v", err)
	}
}

// What one end writes the other reads, behind what its shell prints too; and no
// message is in it.
func TestWireFormat(t *testing.T) {
	t.Parallel()
	a := look(t, "Mail", "Lists", "Missing")
	a.Version, a.Time = "smd-applet 1.0", a.Time.UTC().Round(0)
	for _, noise := range []string{"", "Welcome!\n", strings.Repeat("x", 9000) + "\n\n"} {
		b := bytes.NewBufferString(noise)
		check(t, a.Write(b))
		if strings.Contains(b.String(), "1:2,S") || strings.Contains(b.String(), "secret") {
			t.Errorf("it tells of messages: %s", b)
		}
		got, err := probe.Read(b)
		if err != nil || !reflect.DeepEqual(got, a) {
			t.Errorf("%+v, %v; want %+v", got, err, a)
		}
	}
	for what, said := range map[string]string{
		"nothing":        "",
		"something else": "smd-server: unknown option\n",
		"endless noise":  strings.Repeat("noise\n", 20000),
		"half an answer": "smd-applet probe 1\n{\"mailboxes\":[",
	} {
		if a, err := probe.Read(strings.NewReader(said)); err == nil {
			t.Errorf("%s is read as %+v", what, a)
		}
	}
}

// FuzzRead: whatever the other end says is understood or refused.
func FuzzRead(f *testing.F) {
	for _, said := range []string{"", "smd-applet probe 1\n{}", "noise\nsmd-applet probe 1\n{\"mailboxes\":[{\"name\":\"Mail\",\"free\":-1}]}\n", "smd-applet probe 1\n[]"} {
		f.Add(said)
	}
	f.Fuzz(func(t *testing.T, said string) {
		a, err := probe.Read(strings.NewReader(said))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if a.Write(&b) != nil {
			return // a year that no time can be written with
		}
		again, err := probe.Read(&b)
		if err != nil || len(again.Mailboxes) != len(a.Mailboxes) {
			t.Fatalf("%+v becomes %+v: %v", a, again, err)
		}
	})
}
