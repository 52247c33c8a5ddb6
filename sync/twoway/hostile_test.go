package twoway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"smd-applet/sync/agreed"
	"smd-applet/sync/fault"
	"smd-applet/sync/reconcile"
	"smd-applet/sync/twoway"
	"smd-applet/sync/wire/smd2"
)

var long = strings.Repeat("x", 10_000)

// badFolders are names no other end may make this one use.
var badFolders = map[string]string{
	"climbs": "Mail/../out", "is absolute": "/tmp/out", "is outside": "Other", "has a NUL": "Mail/a\x00b",
	"has a newline": "Mail/a\nb", "is long": "Mail/" + long, "is empty": "", "climbs at its end": "Mail/..",
}

// badNames are places of messages no end may have.
func badNames() map[string]smd2.File {
	names := make(map[string]smd2.File)
	for what, folder := range badFolders {
		names["folder "+what] = smd2.File{Key: agreed.Key{Folder: folder, Unique: "1"}, Mark: agreed.Mark{Sub: "new"}}
	}
	for what, unique := range map[string]string{
		"climbs": "../../../out", "has a slash": "a/cur/b", "has a NUL": "a\x00", "has a newline": "a\nb", "is long": long, "has flags": "a:2,S:2,",
	} {
		names["unique name "+what] = smd2.File{Key: agreed.Key{Folder: "Mail", Unique: unique}, Mark: agreed.Mark{Sub: "cur"}}
	}
	for what, m := range map[string]agreed.Mark{
		"in tmp": {Sub: "tmp"}, "nowhere": {}, "deeper": {Sub: "x/cur"}, "climbs": {Sub: "cur", Info: ":2,/../../../out"},
		"has a slash": {Sub: "cur", Info: ":2,/cur/x"}, "goes on with the name": {Sub: "cur", Info: "2"},
	} {
		names["mark "+what] = smd2.File{Key: agreed.Key{Folder: "Mail", Unique: "1"}, Mark: m}
	}
	return names
}

// tree is every file below a directory, but for what an end remembers.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if !strings.HasPrefix(rel, "state") && !d.IsDir() {
			b, _ := os.ReadFile(path)
			list = append(list, fmt.Sprintf("%s %x", rel, b))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// noneLeft makes sure that no goroutine of this package's code is left.
func noneLeft(t testing.TB) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		buf := make([]byte, 1<<20)
		all := string(buf[:runtime.Stack(buf, true)])
		if !strings.Contains(all, "sync/twoway.") && !strings.Contains(all, "smd2.(*Conn).Receive") {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("goroutines are left:\n%s", all)
		default:
			runtime.Gosched()
		}
	}
}

// rogue is an agent that answers as one does, but for what reply does; reply
// returns nil where the usual answer is to be given.
func rogue(conn *smd2.Conn, reply func(msg any) []any) error {
	if err := conn.Greet(); err != nil {
		return err
	}
	if err := conn.Send(&smd2.Hello{Oldest: smd2.Version, Newest: smd2.Version}); err != nil {
		return err
	}
	for {
		if err := conn.Flush(); err != nil {
			return err
		}
		msg, err := conn.Receive()
		if err != nil {
			return err
		}
		answer := reply(msg)
		if answer == nil {
			switch m := msg.(type) {
			case *smd2.Begin:
				answer = []any{&smd2.Begun{Digest: m.Digest}}
			case *smd2.Folders:
				answer = []any{&smd2.Folders{Last: true}}
			case *smd2.List:
				answer = []any{&smd2.Listing{Last: true}}
			case *smd2.Next:
				answer = []any{&smd2.Changes{Last: true}}
			case *smd2.Sums:
				answer = []any{&smd2.Sums{Sums: make([]agreed.Sum, len(m.Files))}}
			case *smd2.Get:
				parts := make([]smd2.Part, len(m.Items))
				for i, item := range m.Items {
					parts[i] = smd2.Part{ID: item.ID, Last: true, Missing: true}
				}
				answer = []any{&smd2.Bodies{Parts: parts}}
			case *smd2.End, *smd2.Cancel:
				answer = []any{&smd2.Ended{}}
			}
		}
		for _, a := range answer {
			if err := conn.Send(a); err != nil {
				return err
			}
		}
	}
}

// meet runs a client, which has one message, against an agent that misbehaves.
func meet(t *testing.T, reply func(msg any) []any) (res *twoway.Result, s *side, err error) {
	t.Helper()
	s = newSide(t, "client")
	if _, err := s.box.DeliverContent(".", []byte("Subject: mine\n\nbody\n")); err != nil {
		t.Fatal(err)
	}
	end, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	defer closeEnd(end)
	here, there, err := channel()
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() {
		err := rogue(smd2.NewConn(there, there, smd2.Options{}), reply)
		there.Close()
		gone <- err
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	client, err := twoway.Connect(ctx, smd2.NewConn(here, here, smd2.Options{}), smd2.Hello{}, s.log)
	if err != nil {
		t.Fatal(err)
	}
	res, err = client.Run(ctx, twoway.RunOptions{Pull: true, Push: true, Full: true, End: end})
	here.Close()
	client.Close()
	<-gone
	return res, s, err
}

func isProtocol(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Protocol {
		return fmt.Errorf("got %v, want a fault of kind protocol", err)
	}
	return nil
}

// TestHostileAgent has a client meet agents that send what they may not.
func TestHostileAgent(t *testing.T) {
	// Not parallel: goroutines are counted.
	letter := []byte("Subject: theirs\n\nbody\n")
	hasher := agreed.NewHasher(false)
	_, _ = hasher.Write(letter)
	right, err := hasher.Sum()
	if err != nil {
		t.Fatal(err)
	}
	wrong := right
	wrong.Body[0]++
	fresh := reconcile.Change{Kind: reconcile.New, Key: agreed.Key{Folder: "Mail/.work", Unique: "1"}, Mark: agreed.Mark{Sub: "new"}, Sum: right, Size: int64(len(letter))}
	next := func(answer ...any) func(any) []any {
		return func(msg any) []any {
			if _, ok := msg.(*smd2.Next); ok {
				return answer
			}
			return nil
		}
	}
	begin := func(answer ...any) func(any) []any {
		return func(msg any) []any {
			if _, ok := msg.(*smd2.Begin); ok {
				return answer
			}
			return nil
		}
	}
	get := func(parts func(id uint64) []smd2.Part) func(any) []any {
		return func(msg any) []any {
			switch m := msg.(type) {
			case *smd2.Next:
				return []any{&smd2.Changes{Changes: []reconcile.Change{fresh}, Last: true}}
			case *smd2.Get:
				return []any{&smd2.Bodies{Parts: parts(m.Items[0].ID)}}
			}
			return nil
		}
	}
	refused := map[string]func(any) []any{
		"changes nobody asked for":     begin(&smd2.Begun{}, &smd2.Changes{Changes: []reconcile.Change{fresh}}, &smd2.Changes{}),
		"sums nobody asked for":        begin(&smd2.Begun{}, &smd2.Sums{Sums: []agreed.Sum{right}}),
		"bodies nobody asked for":      begin(&smd2.Begun{}, &smd2.Bodies{Parts: []smd2.Part{{ID: 1, Data: letter, Last: true, Sum: right}}}),
		"a listing nobody asked for":   begin(&smd2.Begun{}, &smd2.Listing{Last: true}),
		"folders nobody asked for":     next(&smd2.Folders{Folders: []smd2.FolderDigest{{Folder: "Mail"}}}),
		"the outcome of no op":         begin(&smd2.Begun{}, &smd2.Outcomes{Items: []smd2.Outcome{{ID: 7}}}),
		"an end nobody asked for":      next(&smd2.Ended{}),
		"a second begun":               next(&smd2.Begun{}),
		"a message of the client's":    begin(&smd2.Begun{}, &smd2.Next{Max: 1}),
		"more contents than changes":   next(&smd2.Changes{Changes: []reconcile.Change{fresh}, Contents: []smd2.Data{letter, letter}, Last: true}),
		"a body of another id":         get(func(id uint64) []smd2.Part { return []smd2.Part{{ID: id + 1, Data: letter, Last: true, Sum: right}} }),
		"pieces of two messages mixed": get(func(id uint64) []smd2.Part { return []smd2.Part{{ID: id, Data: letter}, {ID: id + 1, Data: letter}} }),
		"a message twice": get(func(id uint64) []smd2.Part {
			p := smd2.Part{ID: id, Data: letter, Last: true, Sum: right}
			return []smd2.Part{p, p}
		}),
		"a change of no kind":           next(&smd2.Changes{Changes: []reconcile.Change{{Kind: 99, Key: fresh.Key, Mark: fresh.Mark}}, Last: true}),
		"a size below zero":             next(&smd2.Changes{Changes: []reconcile.Change{{Kind: reconcile.New, Key: fresh.Key, Mark: fresh.Mark, Size: -1}}, Last: true}),
		"a change that moves off badly": next(&smd2.Changes{Changes: []reconcile.Change{{Kind: reconcile.Moved, Key: fresh.Key, To: agreed.Key{Folder: "Mail/../..", Unique: "1"}, Mark: fresh.Mark, Sum: right}}, Last: true}),
	}
	for what, name := range badNames() {
		refused["a message whose "+what] = next(&smd2.Changes{
			Changes: []reconcile.Change{{Kind: reconcile.New, Key: name.Key, Mark: name.Mark, Sum: right, Size: fresh.Size}}, Contents: []smd2.Data{letter}, Last: true,
		})
	}
	for what, folder := range badFolders {
		refused["a new folder that "+what] = next(&smd2.Changes{MadeFolders: []string{folder}, Last: true})
	}
	for _, what := range slices.Sorted(maps.Keys(refused)) {
		t.Run(what, func(t *testing.T) {
			_, s, err := meet(t, refused[what])
			if err := isProtocol(err); err != nil {
				t.Error(err)
			}
			for _, f := range tree(t, s.home) {
				if !strings.HasPrefix(f, "Mail/") || strings.Contains(f, "theirs") {
					t.Errorf("it wrote %.100s", f)
				}
			}
			noneLeft(t)
		})
	}
	left := map[string]func(any) []any{
		"another sum than told of": get(func(id uint64) []smd2.Part {
			return []smd2.Part{{ID: id, Data: []byte("Subject: other\n\n"), Last: true, Sum: right}}
		}),
		"a sum of something else": get(func(id uint64) []smd2.Part { return []smd2.Part{{ID: id, Data: letter, Last: true, Sum: wrong}} }),
		"content along that is something else": next(&smd2.Changes{
			Changes: []reconcile.Change{{Kind: reconcile.New, Key: fresh.Key, Mark: fresh.Mark, Sum: wrong, Size: fresh.Size}}, Contents: []smd2.Data{letter}, Last: true,
		}),
		"a huge size": next(&smd2.Changes{Changes: []reconcile.Change{{Kind: reconcile.New, Key: fresh.Key, Mark: fresh.Mark, Sum: right, Size: 1 << 60}}, Last: true}),
		"something that has no header": get(func(id uint64) []smd2.Part {
			return []smd2.Part{{ID: id, Data: []byte("no header"), Last: true}}
		}),
	}
	for _, what := range slices.Sorted(maps.Keys(left)) {
		t.Run(what, func(t *testing.T) {
			reply := left[what]
			res, s, err := meet(t, func(msg any) []any {
				if m, ok := msg.(*smd2.Ops); ok { // what this end sends is taken, and left
					var done smd2.Outcomes
					for _, item := range m.Items {
						done.Items = append(done.Items, smd2.Outcome{ID: item.ID, Left: true})
					}
					return []any{&done}
				}
				return reply(msg)
			})
			if err != nil || !res.Again {
				t.Errorf("got %v, %+v, want a run that is to be made again", err, res)
			}
			if all, err := s.box.Messages(""); err != nil || len(all) != 1 {
				t.Errorf("there are %v, %v, want the one message", all, err)
			}
			noneLeft(t)
		})
	}
}

// agentOf runs an agent whose mailbox has one message, and beside it a file that
// is nobody's business, and returns a channel to it that has been greeted.
func agentOf(t *testing.T) (conn *smd2.Conn, s *side, closeAll func() error) {
	t.Helper()
	s = newSide(t, "server")
	if _, err := s.box.DeliverContent(".", []byte("Subject: one\n\nbody\n")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(s.home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.home, ".ssh/id"), []byte("secret: key\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"out": "../../.ssh/id", "in": "../new"} {
		if err := os.Symlink(target, filepath.Join(s.home, "Mail/cur", name)); err != nil {
			t.Fatal(err)
		}
	}
	here, there, err := channel()
	if err != nil {
		t.Fatal(err)
	}
	agent := make(chan error, 1)
	go func() {
		err := twoway.Agent(context.Background(), smd2.NewConn(there, there, smd2.Options{}), twoway.AgentOptions{
			Open:  func(context.Context, *smd2.Hello) (*twoway.End, error) { return s.open() },
			Close: closeEnd,
			Lock:  func(context.Context) (func() error, error) { return func() error { return nil }, nil },
			Log:   s.log,
		})
		there.Close()
		agent <- err
	}()
	conn = smd2.NewConn(here, here, smd2.Options{})
	if err := errors.Join(conn.Greet(), conn.Send(&smd2.Hello{Oldest: smd2.Version, Newest: smd2.Version}), conn.Flush()); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Receive(); err != nil {
		t.Fatal(err)
	}
	return conn, s, func() error {
		here.Close()
		return <-agent
	}
}

// converse sends messages, an end behind them, and returns what came until then.
func converse(conn *smd2.Conn, msgs ...any) (answers []any, failure *fault.Error, err error) {
	sent := make(chan error, 1)
	go func() {
		for _, m := range append(msgs, &smd2.End{}) {
			if err := conn.Send(m); err != nil {
				sent <- err
				return
			}
		}
		sent <- conn.Flush()
	}()
	for {
		msg, err := conn.Receive()
		if err != nil {
			return answers, failure, err
		}
		switch m := msg.(type) {
		case *smd2.Failure:
			return answers, m.Err(), <-sent
		case *smd2.Ended:
			return answers, nil, <-sent
		}
		answers = append(answers, msg)
	}
}

// TestHostileClient has an agent meet clients that ask for what they may not.
func TestHostileClient(t *testing.T) {
	// Not parallel: goroutines are counted.
	begin := &smd2.Begin{Full: true}
	put := func(f smd2.File) *smd2.Ops {
		return &smd2.Ops{Items: []smd2.OpItem{{ID: 1, Op: reconcile.Op{Kind: reconcile.Put, To: f.Key, Mark: f.Mark, Size: 3}}}}
	}
	body := &smd2.Bodies{Parts: []smd2.Part{{ID: 1, Data: []byte("Subject: evil\n\n"), Last: true}}}
	op := func(o reconcile.Op) *smd2.Ops { return &smd2.Ops{Items: []smd2.OpItem{{ID: 1, Op: o}}} }
	cases := map[string][]any{
		"bodies nobody asked for":  {begin, body},
		"a message of the agent's": {begin, &smd2.Begun{}},
		"an op of no kind":         {begin, op(reconcile.Op{Kind: 77})},
		"a second hello":           {begin, &smd2.Hello{Oldest: 1, Newest: 1}},
		"ops without content":      flood(begin, &smd2.Ops{Items: slices.Repeat(put(smd2.File{Key: agreed.Key{Folder: "Mail", Unique: "1"}, Mark: agreed.Mark{Sub: "new"}}).Items, 1000)}, 40),
		"gets that are never read": flood(begin, &smd2.Get{Items: slices.Repeat([]smd2.GetItem{{ID: 1, File: smd2.File{Key: agreed.Key{Folder: "Mail", Unique: "none"}, Mark: agreed.Mark{Sub: "new"}}}}, 16_000)}, 4),
		"pieces of two messages":   {begin, put(smd2.File{Key: agreed.Key{Folder: "Mail", Unique: "9"}, Mark: agreed.Mark{Sub: "new"}}), &smd2.Bodies{Parts: []smd2.Part{{ID: 1, Data: []byte("a")}, {ID: 2, Data: []byte("b")}}}},
	}
	for what, f := range badNames() {
		cases["a put whose "+what] = []any{begin, put(f), body}
		cases["a get whose "+what] = []any{begin, &smd2.Get{Items: []smd2.GetItem{{ID: 1, File: f}}}}
		cases["a removal whose "+what] = []any{begin, op(reconcile.Op{Kind: reconcile.Remove, Key: f.Key, From: f.Mark})}
		cases["an agreement whose "+what] = []any{begin, &smd2.Agree{Entries: []agreed.Entry{{Key: f.Key, Mark: f.Mark, Sum: agreed.Sum{Header: agreed.Digest{1}}}}}}
	}
	for what, folder := range badFolders {
		cases["a folder to make that "+what] = []any{begin, op(reconcile.Op{Kind: reconcile.MakeFolder, Key: agreed.Key{Folder: folder}})}
		cases["a folder to remove that "+what] = []any{begin, op(reconcile.Op{Kind: reconcile.RemoveFolder, Key: agreed.Key{Folder: folder}})}
		cases["an agreed folder that "+what] = []any{begin, &smd2.Agree{Folders: []string{folder}}}
	}
	for _, what := range slices.Sorted(maps.Keys(cases)) {
		t.Run(what, func(t *testing.T) {
			conn, s, closeAll := agentOf(t)
			before := tree(t, s.home)
			_, failure, err := converse(conn, cases[what]...)
			if err != nil {
				t.Fatal(err)
			}
			if failure == nil || failure.Kind != fault.Protocol {
				t.Errorf("the agent said %v, want a failure of kind protocol", failure)
			}
			if err := closeAll(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Error(err)
			}
			if after := tree(t, s.home); !slices.Equal(before, after) {
				t.Errorf("the agent's home changed:\n%s\n%s", before, after)
			}
			noneLeft(t)
		})
	}
	t.Run("two begins", func(t *testing.T) {
		conn, _, closeAll := agentOf(t)
		answers, failure, err := converse(conn, begin, begin)
		if err != nil || failure != nil || len(answers) != 2 {
			t.Errorf("got %v, %v, %v, want two answers", answers, failure, err)
		}
		if err := closeAll(); err != nil {
			t.Error(err)
		}
		noneLeft(t)
	})
	t.Run("answers that are not read", func(t *testing.T) {
		conn, _, closeAll := agentOf(t)
		const n = 5000
		answers, failure, err := converse(conn, flood(begin, &smd2.Folders{}, n)...)
		if err != nil || failure != nil || len(answers) != 1+n {
			t.Errorf("got %d answers, %v, %v, want %d", len(answers), failure, err, 1+n)
		}
		if err := closeAll(); err != nil {
			t.Error(err)
		}
		noneLeft(t)
	})
	t.Run("what was no message, and what is excluded", func(t *testing.T) {
		conn, s, closeAll := agentOf(t)
		m, err := s.box.DeliverContent(".excluded", []byte("Subject: none of theirs\n\n"))
		if err != nil {
			t.Fatal(err)
		}
		items := []smd2.GetItem{{ID: 9, File: smd2.File{
			Key: agreed.Key{Folder: excludedFolder, Unique: filepath.Base(m)}, Mark: agreed.Mark{Sub: "new"},
		}}}
		for i, name := range []string{"out", "in", "none"} {
			items = append(items, smd2.GetItem{ID: uint64(i + 1), File: smd2.File{Key: agreed.Key{Folder: "Mail", Unique: name}, Mark: agreed.Mark{Sub: "cur"}}})
		}
		if err := errors.Join(conn.Send(begin), conn.Send(&smd2.Get{Items: items}), conn.Flush()); err != nil {
			t.Fatal(err)
		}
		for left := len(items); left > 0; {
			msg, err := conn.Receive()
			if err != nil {
				t.Fatal(err)
			}
			b, ok := msg.(*smd2.Bodies)
			if !ok {
				continue
			}
			for _, p := range b.Parts {
				if !p.Missing || len(p.Data) > 0 {
					t.Errorf("got %+v, want it missing", p)
				}
				left--
			}
		}
		if err := closeAll(); err != nil {
			t.Error(err)
		}
		noneLeft(t)
	})
}

// flood is a message, and then another many times.
func flood(first, then any, n int) []any {
	return append([]any{first}, slices.Repeat([]any{then}, n)...)
}
