package apply_test

import (
	"crypto/sha1"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/sync/apply"
	"smd-applet/sync/fault"
	"smd-applet/sync/guard"
	"smd-applet/sync/serve"
	"smd-applet/sync/synctest"
	"smd-applet/sync/wire/smd1"
)

// pair is two ends that agree on one message in folder "box".
func pair(t *testing.T) (server, client *end, message string) {
	t.Helper()
	server, client = newEnd(t, "server"), newEnd(t, "client")
	if _, err := server.box.DeliverContent("box", []byte("Subject: one\n\nbody\n")); err != nil {
		t.Fatal(err)
	}
	message = flagged(t, server, only(t, server), "")
	settle(t, server, client)
	return server, client, message
}

func only(t *testing.T, e *end) string {
	t.Helper()
	all, err := e.box.Messages("")
	if err != nil || len(all) != 1 {
		t.Fatalf("want one message, have %q, %v", all, err)
	}
	return all[0]
}

func flagged(t *testing.T, e *end, message, flags string) string {
	t.Helper()
	name, err := e.box.Flag(message, flags)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func contents(t *testing.T, e *end) map[string]int {
	t.Helper()
	all, err := e.box.Messages("")
	if err != nil {
		t.Fatal(err)
	}
	have := make(map[string]int)
	for _, m := range all {
		b, err := os.ReadFile(e.box.Path(m))
		if err != nil {
			t.Fatal(err)
		}
		have[string(b)]++
	}
	return have
}

// Each case changes the same message on both ends between two syncs; want is the
// one name (without the path's random part) or what must be there.
func TestConflicts(t *testing.T) {
	t.Parallel()
	type change func(t *testing.T, e *end, message string)
	flag := func(f string) change {
		return func(t *testing.T, e *end, m string) { t.Helper(); flagged(t, e, m, f) }
	}
	move := func(folder string) change {
		return func(t *testing.T, e *end, m string) {
			t.Helper()
			if _, err := e.box.Move(m, folder); err != nil {
				t.Fatal(err)
			}
		}
	}
	refile := func(folder string) change {
		return func(t *testing.T, e *end, m string) {
			t.Helper()
			if _, err := e.box.Refile(m, folder); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(t *testing.T, e *end, m string) {
		t.Helper()
		if err := e.box.Delete(m); err != nil {
			t.Fatal(err)
		}
	}
	body := func(text string) change {
		return func(t *testing.T, e *end, m string) {
			t.Helper()
			if _, err := e.box.EditBody(m, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	const original, edited = "Subject: one\n\nbody\n", "Subject: one\n\n"
	for _, c := range []struct {
		name           string
		server, client change
		messages       int    // at rest
		folder, flags  string // of the one message; flags "-" are not looked at
		content        []string
	}{
		{"flags are merged", flag("S"), flag("F"), 1, "box", "FS", []string{original}},
		{"the same flag on both", flag("S"), flag("S"), 1, "box", "S", []string{original}},
		{"moved there, flagged here", move("other"), flag("F"), 1, "other", "F", []string{original}},
		{"flagged there, moved here", flag("S"), move("other"), 1, "other", "S", []string{original}},
		{"moved to two places", move("one"), move("two"), 1, "one", "-", []string{original}},
		{"refiled to two places", refile("one"), refile("two"), 1, "one", "-", []string{original}},
		{"moved to the same place", move("one"), move("one"), 1, "one", "-", []string{original}},
		{"deleted on both", remove, remove, 0, "", "", nil},
		{"deleted there, flagged here", remove, flag("F"), 1, "box", "F", []string{original}},
		{"flagged there, deleted here", flag("S"), remove, 1, "box", "S", []string{original}},
		{"deleted there, edited here", remove, body("here"), 1, "box", "-", []string{edited + "here"}},
		{"edited there, deleted here", body("there"), remove, 1, "box", "-", []string{edited + "there"}},
		{"edited on both", body("there"), body("here"), 2, "", "", []string{edited + "there", edited + "here"}},
		{"edited alike", body("same"), body("same"), 1, "box", "-", []string{edited + "same"}},
		{"edited there, flagged here", body("there"), flag("F"), 1, "box", "F", []string{edited + "there"}},
		{"edited there, moved here", body("there"), move("other"), 1, "other", "-", []string{edited + "there"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, client, message := pair(t)
			c.server(t, server, message)
			c.client(t, client, message)
			settle(t, server, client)
			have := contents(t, client)
			total := 0
			for _, n := range have {
				total += n
			}
			if total != c.messages {
				t.Fatalf("%d messages, want %d: %v", total, c.messages, have)
			}
			for _, want := range c.content {
				if have[want] != 1 {
					t.Errorf("%q is there %d times", want, have[want])
				}
			}
			if total != 1 {
				return
			}
			m := only(t, client)
			if got := strings.Split(m, "/")[0]; got != c.folder {
				t.Errorf("in folder %s, want %s", got, c.folder)
			}
			if _, flags, _ := strings.Cut(filepath.Base(m), ":2,"); c.flags != "-" && flags != c.flags {
				t.Errorf("flags %q, want %q", flags, c.flags)
			}
		})
	}
}

// ON_CONFLICT=fail is SMD's way: stop, and change nothing.
func TestFailOnConflict(t *testing.T) {
	t.Parallel()
	server, client, message := pair(t)
	for _, e := range []*end{server, client} {
		if _, err := e.box.EditBody(message, e.home); err != nil {
			t.Fatal(err)
		}
	}
	before := client.census()
	_, _, serr, aerr := send(t, server, client, func(_ *serve.Options, o *apply.Options) { o.FailOnConflict = true })
	if !fault.Is(aerr, fault.Conflict) || serr == nil {
		t.Fatalf("apply: %v; serve: %v", aerr, serr)
	}
	if d := synctest.DiffNames(before, client.census()); d != "" {
		t.Errorf("something changed:\n%s", d)
	}
}

// Each conflict stops with the context that SMD gives it (smd 1.3, spec §7).
func TestConflictContexts(t *testing.T) {
	t.Parallel()
	digest := func(s string) string { return fmt.Sprintf("%x", sha1.Sum([]byte(s))) }
	const header, body = "Subject: here\n\n", "changed here\n"
	src := digest("Subject: src\n\n") + " " + digest("body\n")
	was := digest("Subject: was\n\n") + " " + digest("was\n")
	for action, want := range map[string]string{
		"ADD Mail/cur/1:2, " + src:                                                                           "mail-addition",
		"COPY Mail/cur/src:2, " + src + " TO Mail/cur/1:2,":                                                  "copy-message",
		"MOVE Mail/cur/src:2, " + src + " TO Mail/cur/1:2,":                                                  "move-message",
		"MOVE Mail/new/1 " + src + " TO Mail/cur/1:2,S":                                                      "move-message",
		"COPYBODY Mail/cur/src:2, " + digest("body\n") + " TO Mail/cur/1:2, " + digest("Subject: other\n\n"): "copy-body",
		"REPLACEHEADER Mail/cur/1:2, " + was + " WITH " + digest("Subject: other\n\n"):                       "header-replacement",
		"REPLACE Mail/cur/1:2, " + was + " WITH " + src:                                                      "replace",
		"DELETE Mail/cur/1:2, " + was:                                                                        "delete-message",
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			e := newEnd(t, "client")
			for name, content := range map[string]string{"1:2,": header + body, "src:2,": "Subject: src\n\nbody\n"} {
				if _, err := e.box.DeliverContent(".", []byte(content)); err != nil { // makes the folder
					t.Fatal(err)
				}
				if err := os.WriteFile(e.box.Path("cur/"+name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			before := e.census()
			none := digest("")
			said := fmt.Sprintf("protocol 1.3\ndbfile %s -\n%s\nEND\n", none, action)
			_, err := apply.Run(t.Context(), smd1.NewConn(struct {
				io.Reader
				io.Writer
			}{strings.NewReader(said), io.Discard}), apply.Options{Store: e.store(), Files: e.files(), Ledger: e.ledger(), FailOnConflict: true})
			context, cause := "", ""
			if f := fault.As(err); f != nil {
				context, cause = f.Tags()
			}
			if context != want || cause != "concurrent-mailbox-edit" {
				t.Errorf("%s/%s: %v", context, cause, err)
			}
			if d := synctest.DiffNames(before, e.census()); d != "" {
				t.Errorf("something changed:\n%s", d)
			}
		})
	}
}

// many is two ends that agree on n messages each in three folders.
func many(t *testing.T, n int) (server, client *end) {
	t.Helper()
	server, client = newEnd(t, "server"), newEnd(t, "client")
	for _, folder := range []string{"a", "b", "Trash"} {
		for range n {
			if _, err := server.box.Deliver(folder); err != nil {
				t.Fatal(err)
			}
		}
	}
	settle(t, server, client)
	return server, client
}

func removeAll(t *testing.T, e *end, folder string) {
	t.Helper()
	all, err := e.box.Messages(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if err := e.box.Delete(m); err != nil {
			t.Fatal(err)
		}
	}
}

func guarded(s *serve.Options, a *apply.Options) { s.Limits, a.Limits = &guard.Limits{}, nil }

// A folder that is gone here is not deleted there before a person says so.
func TestGuardHoldsAVanishedFolder(t *testing.T) {
	t.Parallel()
	for _, decision := range []string{"confirm", "restore", "reappear"} {
		t.Run(decision, func(t *testing.T) {
			t.Parallel()
			server, client := many(t, 12)
			before := server.census()
			if err := os.Rename(client.box.Path("a"), client.home+"/aside"); err != nil {
				t.Fatal(err)
			}
			s, _, serr, aerr := send(t, client, server, guarded)
			if serr != nil || aerr != nil || s.Held["Mail/a"] != 12 {
				t.Fatalf("held %v, %v, %v", s.Held, serr, aerr)
			}
			if d := synctest.DiffNames(before, server.census()); d != "" {
				t.Fatalf("the server changed:\n%s", d)
			}
			left := 36
			l := client.ledger()
			switch decision {
			case "confirm":
				l.Confirm()
				left = 24
			case "restore":
				l.Restore()
			case "reappear":
				if err := os.Rename(client.home+"/aside", client.box.Path("a")); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Save(); err != nil {
				t.Fatal(err)
			}
			mustSend(t, server, client)
			s, _, serr, aerr = send(t, client, server, guarded)
			if serr != nil || aerr != nil || len(s.Held) > 0 {
				t.Fatalf("then held %v, %v, %v", s.Held, serr, aerr)
			}
			settle(t, server, client)
			if got := server.census().Total(); got != left {
				t.Errorf("%d messages, want %d", got, left)
			}
		})
	}
}

// The same when the other end deletes: the client keeps, and does not send back.
func TestGuardHoldsTheServersDeletions(t *testing.T) {
	t.Parallel()
	for _, decision := range []string{"confirm", "restore"} {
		t.Run(decision, func(t *testing.T) {
			t.Parallel()
			server, client := many(t, 12)
			removeAll(t, server, "a")
			_, a, serr, aerr := send(t, server, client, func(_ *serve.Options, o *apply.Options) { o.Limits = &guard.Limits{} })
			if serr != nil || aerr != nil || a.Held["Mail/a"] != 12 {
				t.Fatalf("held %v, %v, %v", a.Held, serr, aerr)
			}
			s, _ := mustSend(t, client, server)
			if s.Counts.New != 0 || client.census().Total() != 36 || server.census().Total() != 24 {
				t.Fatalf("a push sent %+v; client %d, server %d", s.Counts, client.census().Total(), server.census().Total())
			}
			l, left := client.ledger(), 24
			if decision == "confirm" {
				l.Confirm()
			} else {
				l.Restore()
				left = 36
			}
			if err := l.Save(); err != nil {
				t.Fatal(err)
			}
			settle(t, server, client)
			if got := client.census().Total(); got != left {
				t.Errorf("%d messages, want %d", got, left)
			}
		})
	}
}

// Emptying the Trash, or a few messages, asks nobody.
func TestGuardLetsOrdinaryDeletionsPass(t *testing.T) {
	t.Parallel()
	server, client := many(t, 60)
	removeAll(t, client, "Trash")
	s, _, serr, aerr := send(t, client, server, guarded)
	if serr != nil || aerr != nil || len(s.Held) > 0 || server.census().Total() != 120 {
		t.Fatalf("held %v, %v, %v, server has %d", s.Held, serr, aerr, server.census().Total())
	}
}

// An unmounted mailbox is no mailbox whose every message was deleted.
func TestEmptyMountPoint(t *testing.T) {
	t.Parallel()
	server, client := many(t, 5)
	if err := os.RemoveAll(client.box.Root); err != nil {
		t.Fatal(err)
	}
	_, _, serr, aerr := send(t, client, server, nil)
	if !fault.Is(serr, fault.MailboxMissing) || !fault.Is(aerr, fault.RemoteFailed) {
		t.Fatalf("serve: %v; apply: %v", serr, aerr)
	}
	if got := server.census().Total(); got != 15 {
		t.Errorf("the server has %d messages, want 15", got)
	}
}

// Ends that lost their common state agree anew: union, no deletion, no duplicate.
func TestLostStateHeals(t *testing.T) {
	t.Parallel()
	server, client := many(t, 5)
	if err := os.Remove(client.files().DB); err != nil {
		t.Fatal(err)
	}
	if _, err := client.box.Deliver("a"); err != nil {
		t.Fatal(err)
	}
	_, _, serr, aerr := send(t, server, client, nil)
	if !fault.Is(serr, fault.DBMismatch) || !fault.Is(aerr, fault.DBMismatch) {
		t.Fatalf("serve: %v; apply: %v", serr, aerr)
	}
	settle(t, server, client)
	if got := server.census().Total(); got != 16 {
		t.Errorf("%d messages, want 16", got)
	}
}

// A message that became empty is damage: it is not sent, and mended.
func TestDamageIsMended(t *testing.T) {
	t.Parallel()
	server, client := many(t, 5)
	before := server.census()
	all, err := client.box.Messages("a")
	if err != nil {
		t.Fatal(err)
	}
	for i, damage := range []string{"", "no header end"} {
		if err := os.WriteFile(client.box.Path(all[i]), []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, _ := mustSend(t, client, server)
	if len(s.Damaged) != 2 || synctest.DiffNames(before, server.census()) != "" {
		t.Fatalf("damaged %q; server: %s", s.Damaged, synctest.DiffNames(before, server.census()))
	}
	mustSend(t, server, client)
	have := contents(t, client)
	for content := range contents(t, server) {
		if have[content] == 0 {
			t.Errorf("%.40q… was not mended", content)
		}
	}
}

// Looking for a message that was moved here does not sweep away what the same
// run has just copied and not yet put in place.
func TestCopyBeforeAConflict(t *testing.T) {
	t.Parallel()
	server, client, one := pair(t)
	two, err := server.box.DeliverContent("box", []byte("Subject: two\n\nbody two\n"))
	if err != nil {
		t.Fatal(err)
	}
	settle(t, server, client)
	for _, change := range []func() (string, error){
		func() (string, error) { return server.box.Copy(one, "aaa") },
		func() (string, error) { return server.box.Flag(two, "S") },
		func() (string, error) { return client.box.Move(two, "other") },
	} {
		if _, err := change(); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, server, client)
	if have := contents(t, client); have["Subject: one\n\nbody\n"] != 2 || have["Subject: two\n\nbody two\n"] != 1 {
		t.Errorf("there are %v", have)
	}
}

// A run that is cut after it carried out an edit, of a message that was moved
// here, is made again: the message is not there twice.
func TestEditOfAMovedMessageAfterACut(t *testing.T) {
	t.Parallel()
	deeds := []synctest.Deed{{End: 0, What: "move"}, {End: 1, What: "edit header"}}
	for lines := range 9 {
		for _, written := range []bool{false, true} {
			short(t, deeds, false, written, lines)
		}
	}
}
