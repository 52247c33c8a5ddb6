package apply_test

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"smd-applet/sync/synctest"
)

// A pull is cut after each line; then the message that was on its way is flagged, moved
// or edited, at one end or at both. It stays one message.
func TestMovedAfterACutIsKeptOnce(t *testing.T) {
	t.Parallel()
	for deed, do := range map[string]func(m *synctest.Mailbox, message string) (string, error){
		"flag":   func(m *synctest.Mailbox, message string) (string, error) { return m.Flag(message, "FS") },
		"move":   func(m *synctest.Mailbox, message string) (string, error) { return m.Move(message, ".a") },
		"refile": func(m *synctest.Mailbox, message string) (string, error) { return m.Refile(message, ".b") },
		"edit": func(m *synctest.Mailbox, message string) (string, error) {
			return m.EditHeader(message, "X-Label", "done")
		},
	} {
		for _, at := range []string{"client", "server", "both"} {
			t.Run(deed+" at "+at, func(t *testing.T) {
				t.Parallel()
				cuts := 0
				for _, push := range []bool{false, true} {
					for _, resumed := range []bool{true, false} {
						if deed == "edit" && !resumed {
							continue // the run the other way sends it as it is now: another one
						}
						for n := 2; cutThenDo(t, push, resumed, n, at, do); n++ { // before that nothing has come
							cuts++
						}
					}
				}
				t.Attr("cases", fmt.Sprint(cuts))
			})
		}
	}
}

// cutThenDo reports whether the run had so many lines. Then the run that was cut is
// gone on with, as the loop does, or the next one goes the other way.
func cutThenDo(t *testing.T, push, resumed bool, n int, at string, do func(*synctest.Mailbox, string) (string, error)) bool {
	t.Helper()
	client, server := newEnd(t, "client"), newEnd(t, "server")
	from, to := server, client
	if push {
		from, to = client, server
	}
	for _, e := range []*end{client, server} {
		if err := e.box.AddFolder("."); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := from.box.Deliver("."); err != nil {
		t.Fatal(err)
	}
	var line *synctest.CutChannel
	sendOver(t, from, to, nil, func(c io.ReadWriteCloser) io.ReadWriteCloser {
		line = synctest.CutAfter(c, unit, n, -1)
		return line
	})
	for name, e := range map[string]*end{"client": client, "server": server} {
		if all, err := e.box.Messages(""); err == nil && len(all) > 0 && (at == name || at == "both") {
			if _, err := do(e.box, all[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	ways := [][2]*end{{from, to}, {to, from}}
	if !resumed {
		slices.Reverse(ways)
	}
	for range 2 {
		for _, ends := range ways {
			if _, _, serr, aerr := send(t, ends[0], ends[1], nil); serr != nil || aerr != nil {
				t.Fatalf("serve: %v; apply: %v", serr, aerr)
			}
		}
	}
	where := fmt.Sprintf("cut after %d lines, push %t, gone on with %t", n, push, resumed)
	if d := synctest.DiffNames(server.census(), client.census()); d != "" {
		t.Errorf("%s: the ends differ: %s", where, d)
	}
	if all, _ := client.box.Messages(""); len(all) != 1 {
		t.Errorf("%s: there is %q, want one message", where, all)
	}
	return line.WasCut() && !t.Failed()
}
