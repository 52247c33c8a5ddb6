package twoway_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smd-applet/sync/agreed"
	"smd-applet/sync/fault"
	"smd-applet/sync/guard"
	"smd-applet/sync/reconcile"
	"smd-applet/sync/twoway"
	"smd-applet/sync/wire/smd2"
)

// script is what a fuzzed end says: each byte chooses among what may be said. At its
// end everything is the first choice.
type script []byte

func (s *script) of(n int) int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b) % n
}

func pick[T any](s *script, of ...T) T { return of[s.of(len(of))] }

// letters are the messages an end has before it meets the fuzzed one. Both agreed on
// the first and the last.
var letters = []struct {
	key     agreed.Key
	mark    agreed.Mark
	content string
	agreed  bool
}{
	{agreed.Key{Folder: "Mail", Unique: "a"}, agreed.Mark{Sub: "cur", Info: ":2,S"}, "Subject: a\n\nof old\n", true},
	{agreed.Key{Folder: "Mail", Unique: "b"}, agreed.Mark{Sub: "new"}, "Subject: b\n\nnew here\n", false},
	{agreed.Key{Folder: "Mail/.work", Unique: "c"}, agreed.Mark{Sub: "cur", Info: ":2,"}, "Subject: c\n\nelsewhere\n", true},
}

var contents = []string{letters[0].content, "Subject: other\n\nfrom there\n", letters[1].content, letters[2].content, "", "no header", strings.Repeat("Subject: long\n", 9000)}

func sumOf(content string) agreed.Sum {
	h := agreed.NewHasher(false)
	_, _ = h.Write([]byte(content))
	sum, err := h.Sum()
	if err != nil {
		return agreed.Sum{Header: agreed.Digest{1}, Body: agreed.Digest{2}}
	}
	return sum
}

func (s *script) folder() string {
	return pick(s, "Mail", "Mail/.work", "Mail/.fresh", excludedFolder, "Mail", "Mail/../out", "", "Other")
}

func (s *script) key() agreed.Key {
	if n := s.of(8); n < len(letters) {
		return letters[n].key
	}
	return agreed.Key{Folder: s.folder(), Unique: pick(s, "fresh", "a", "b", "c", "d", "../a", "", "a:2,")}
}

func (s *script) mark() agreed.Mark {
	return pick(s, letters[0].mark, letters[1].mark, letters[2].mark, agreed.Mark{Sub: "cur", Info: ":2,FS"}, agreed.Mark{Sub: "tmp"}, agreed.Mark{Sub: "cur", Info: ":2,/../x"})
}

// file is mostly one there is.
func (s *script) file() (agreed.Key, agreed.Mark) {
	if n := s.of(5); n < len(letters) {
		return letters[n].key, letters[n].mark
	}
	return s.key(), s.mark()
}

func (s *script) sum() agreed.Sum {
	if n := s.of(len(contents) + 1); n < len(contents) {
		return sumOf(contents[n])
	}
	return agreed.Unread
}

func (s *script) id() uint64 { return uint64(s.of(8)) }

func some[T any](s *script, item func() T) []T {
	list := make([]T, pick(s, 1, 2, 0, 3))
	for i := range list {
		list[i] = item()
	}
	return list
}

func (s *script) parts() []smd2.Part {
	return some(s, func() smd2.Part {
		content := pick(s, contents...)
		p := smd2.Part{ID: s.id(), Data: smd2.Data(content), Last: s.of(4) != 1, Missing: s.of(8) == 1}
		if s.of(2) == 0 {
			p.Sum = sumOf(content)
		} else {
			p.Sum = s.sum()
		}
		return p
	})
}

func (s *script) change() reconcile.Change {
	c := reconcile.Change{Kind: reconcile.Kind(s.of(8)), Sum: s.sum(), Size: int64(pick(s, 20, 0, 1<<40))}
	c.Key, c.Mark = s.file()
	if c.Kind == reconcile.Moved {
		c.To = s.key()
	}
	return c
}

func (s *script) entry() agreed.Entry {
	e := agreed.Entry{Sum: s.sum(), Size: 20}
	e.Key, e.Mark = s.file()
	return e
}

func (s *script) op() smd2.OpItem {
	o := reconcile.Op{Kind: reconcile.OpKind(s.of(8)), Was: s.sum(), To: s.key(), Mark: s.mark(), Sum: s.sum(), Size: 20}
	o.Key, o.From = s.file()
	return smd2.OpItem{ID: s.id(), Op: o}
}

func (s *script) digest() agreed.Digest {
	return pick(s, agreed.Digest{}, agreed.Digest{1})
}

func (s *script) failure() *smd2.Failure {
	return &smd2.Failure{Kind: pick(s, "locked", "protocol", "?"), Text: pick(s, "why", "\x1b[31m", long)}
}

// fromClient is something a client says, or rarely what only an agent does.
func (s *script) fromClient() any {
	switch s.of(16) {
	default:
		return &smd2.Begin{Full: s.of(2) == 0, Digest: s.digest(), Close: s.of(4) == 1, Want: pick(s, 0, 5, 1<<30)}
	case 1:
		return &smd2.Ops{Items: some(s, s.op)}
	case 2:
		return &smd2.Bodies{Parts: s.parts()}
	case 3:
		return &smd2.Next{Max: pick(s, 1000, 0, 1<<40)}
	case 4:
		return &smd2.Get{Items: some(s, func() smd2.GetItem {
			g := smd2.GetItem{ID: s.id()}
			g.File.Key, g.File.Mark = s.file()
			return g
		})}
	case 5:
		return &smd2.Agree{
			Entries: some(s, s.entry), Drop: some(s, s.key), Folders: some(s, s.folder), NoFolders: some(s, s.folder),
		}
	case 6:
		return &smd2.Folders{}
	case 7:
		return &smd2.List{Folder: s.folder()}
	case 8:
		return &smd2.Sums{Files: some(s, func() smd2.File {
			var f smd2.File
			f.Key, f.Mark = s.file()
			return f
		})}
	case 9:
		return &smd2.End{}
	case 10:
		return &smd2.Cancel{}
	case 11:
		return s.failure()
	case 12:
		return s.fromAgent()
	case 13:
		return &smd2.Hello{Oldest: 1, Newest: 1}
	}
}

// fromAgent is something an agent says.
func (s *script) fromAgent() any {
	switch s.of(11) {
	default:
		return &smd2.Changes{
			Changes: some(s, s.change), MadeFolders: some(s, s.folder), GoneFolders: some(s, s.folder), Last: s.of(2) == 0,
			Contents: some(s, func() smd2.Data { return smd2.Data(pick(s, contents...)) }),
		}
	case 1:
		return &smd2.Bodies{Parts: s.parts()}
	case 2:
		return &smd2.Outcomes{Items: some(s, func() smd2.Outcome {
			return smd2.Outcome{ID: s.id(), Left: s.of(2) == 1, Sum: s.sum()}
		})}
	case 3:
		return &smd2.Begun{Digest: s.digest(), Changes: s.of(3), Total: s.of(9), Closed: s.of(4) == 1}
	case 4:
		return &smd2.Folders{Last: s.of(2) == 0, Folders: some(s, func() smd2.FolderDigest {
			return smd2.FolderDigest{Folder: s.folder(), Digest: s.digest(), Count: s.of(3)}
		})}
	case 5:
		return &smd2.Listing{Last: s.of(2) == 0, Entries: some(s, s.entry)}
	case 6:
		return &smd2.Sums{Sums: some(s, s.sum)}
	case 7:
		return &smd2.Changed{
			Changes:  some(s, s.change),
			Contents: some(s, func() smd2.Data { return smd2.Data(pick(s, contents...)) }),
		}
	case 8:
		return &smd2.Progress{Done: 1}
	case 9:
		return s.failure()
	case 10:
		return &smd2.Ended{}
	}
}

// fuzzedSide is an end with the letters.
func fuzzedSide(t *testing.T) *side {
	t.Helper()
	s := newSide(t, "fuzzed")
	for _, l := range letters {
		for _, sub := range []string{"cur", "new", "tmp"} {
			if err := os.MkdirAll(filepath.Join(s.home, l.key.Folder, sub), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(s.home, l.key.Name(l.mark).String()), []byte(l.content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	end, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	err = end.DB.Update(func(tx *agreed.Tx) error {
		for _, l := range letters {
			if !l.agreed {
				continue
			}
			if err := tx.Put(l.key, agreed.Record{Mark: l.mark, Sum: sumOf(l.content), Size: int64(len(l.content))}); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, closeEnd(end)); err != nil {
		t.Fatal(err)
	}
	return s
}

// keeps fails the test unless the end has all letters but those that may be gone,
// nothing lies where it must not, and nothing unfinished is left.
func (s *side) keeps(t *testing.T, may func(i int) bool) {
	t.Helper()
	files := tree(t, s.home)
	for i, l := range letters {
		held := slices.ContainsFunc(files, func(f string) bool {
			name, content, _ := strings.Cut(f, " ")
			return inMail(name) && content == hexOf(l.content)
		})
		if !held && !may(i) {
			t.Errorf("the message %s is lost, of\n%s", l.key, strings.Join(files, "\n"))
		}
	}
	for _, f := range files {
		name, _, _ := strings.Cut(f, " ")
		if !inMail(name) {
			t.Errorf("it left %.200s", f)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(s.home))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "out" || e.Name() == "Other" {
			t.Errorf("it made %s outside", e.Name())
		}
	}
}

func inMail(name string) bool {
	sub := filepath.Base(filepath.Dir(name))
	return strings.HasPrefix(name, "Mail/") && (sub == "cur" || sub == "new")
}

// typed fails the test unless an error is one that says what kind it is.
func typed(t *testing.T, who string, err error) {
	t.Helper()
	var f *fault.Error
	if err != nil && !errors.As(err, &f) {
		t.Errorf("the %s ended with %T: %v", who, err, err)
	}
}

func hexOf(content string) string { return fmt.Sprintf("%x", content) }

// maxScript bounds how much an end says, so that none takes long.
const maxScript = 400

// fuzzPatience is how long a conversation may take: all of it is in memory.
const fuzzPatience = time.Minute

// Seeds: a run that does something of everything, and short ones.
var (
	agentSeeds = []string{
		"\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x09\x00",
		"\x00\x00\x00\x00\x00\x00\x00\x00\x05\x01\x00\x00\x01\x02\x02\x01\x00\x01\x09\x00\x00\x00\x00\x00\x00\x09\x00",
		"\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x09\x00",
		"\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x03\x02\x00\x03\x01\x01\x01\x00\x00\x09\x00",
		"\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01\x00\x07\x00\x00\x01\x01\x00\x01\x02\x00\x01\x01\x00\x00\x00\x09\x00",
		"\x00\x00\x00\x00\x00\x00\x00\x00\x04\x01\x00\x01\x02\x01\x07\x08\x00\x00\x06\x00\x07\x01\x00\x0a\x00",
	}
	clientSeeds = []string{
		"", "\x00\x00\x00\x00\x00\x01\x00\x14\x00\x00\x00\x00\x00", "\x05\x00\x00\x00\x02\x01\x00\x00\x00\x00",
		"\x00\x00\x00\x01\x02\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00", "\x00\x02\x00\x00\x00\x00\x00\x00",
		"\x00\x00\x06\x01\x07\x00\x01\x01\x02\x03\x00\x01\x00",
	}
)

// sow adds the seeds, and long scripts of anything.
func sow(f *testing.F, seeds []string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	for n := range uint64(6) {
		random := rand.New(rand.NewPCG(n, n))
		program := make([]byte, maxScript/2)
		for i := range program {
			if random.IntN(3) > 0 {
				program[i] = byte(random.Uint32())
			}
		}
		f.Add(program)
	}
}

// FuzzAgentSequence: whatever a client says, in any order, an agent ends with an error
// that has a kind, or with none; a message goes only where an op named it.
func FuzzAgentSequence(f *testing.F) {
	sow(f, agentSeeds)
	f.Fuzz(agentSequence)
}

func agentSequence(t *testing.T, program []byte) {
	s := script(program[:min(len(program), maxScript)])
	side := fuzzedSide(t)
	hello := &smd2.Hello{Oldest: 1, Newest: 1, NoDelete: s.of(8) == 1, DryRun: s.of(8) == 1}
	here, there, err := channel()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), fuzzPatience)
	defer cancel()
	agent := make(chan error, 1)
	go func() {
		err := twoway.Agent(ctx, smd2.NewConn(there, there, smd2.Options{}), twoway.AgentOptions{
			Open:  func(context.Context, *smd2.Hello) (*twoway.End, error) { return side.open() },
			Close: closeEnd,
			Lock:  func(context.Context) (func() error, error) { return func() error { return nil }, nil },
			Log:   side.log,
		})
		there.Close()
		agent <- err
	}()
	conn := smd2.NewConn(here, here, smd2.Options{})
	if err := errors.Join(conn.Greet(), conn.Send(hello), conn.Flush()); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for {
			if _, err := conn.Receive(); err != nil {
				return
			}
		}
	}()
	named, renamed := make(map[agreed.Key]bool), make(map[agreed.Key]bool)
	removes := false
	for len(s) > 0 {
		msg := s.fromClient()
		if ops, ok := msg.(*smd2.Ops); ok {
			for _, item := range ops.Items {
				switch item.Op.Kind {
				case reconcile.Remove, reconcile.Replace:
					named[item.Op.Key], removes = true, true
				case reconcile.Rename:
					renamed[item.Op.Key] = true
				}
			}
		}
		for range pick(&s, 1, 1, 1, 1, 1, 1, 1, 9) {
			if conn.Send(msg) != nil {
				break
			}
		}
	}
	if conn.Flush() == nil {
		_ = here.to.Close() // the agent reads all of it
	}
	select {
	case err = <-agent:
	case <-ctx.Done():
		t.Fatal("the agent does not end")
	}
	here.Close()
	<-read
	typed(t, "agent", err)
	side.keeps(t, func(i int) bool {
		return named[letters[i].key] || renamed[letters[i].key] && removes
	})
}

// FuzzClientSequence: whatever an agent answers, a client ends with an error that has
// a kind, or with none; a message goes only where the agent told that it is gone there,
// or another.
func FuzzClientSequence(f *testing.F) {
	sow(f, clientSeeds)
	f.Fuzz(clientSequence)
}

func clientSequence(t *testing.T, program []byte) {
	s := script(program[:min(len(program), maxScript)])
	side := fuzzedSide(t)
	end, err := side.open()
	if err != nil {
		t.Fatal(err)
	}
	here, there, err := channel()
	if err != nil {
		t.Fatal(err)
	}
	agent := &fuzzedAgent{conn: smd2.NewConn(there, there, smd2.Options{}), script: &s, gone: make(map[agreed.Key]bool), known: make(map[agreed.Key]bool)}
	err = end.DB.View(func(tx *agreed.Tx) error {
		agent.digest = tx.Digest()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer there.Close()
		agent.converse()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), fuzzPatience)
	defer cancel()
	client, err := twoway.Connect(ctx, smd2.NewConn(here, here, smd2.Options{}), smd2.Hello{}, side.log)
	if err != nil {
		t.Fatal(err)
	}
	for _, full := range []bool{true, false} {
		if err == nil {
			_, err = client.Run(ctx, twoway.RunOptions{Pull: true, Push: true, Full: full, End: end, Limits: guard.Limits{Count: 1 << 20}})
		}
	}
	if ctx.Err() != nil {
		t.Error("the client does not end")
	}
	here.Close()
	client.Close()
	<-gone
	typed(t, "client", err)
	if err := closeEnd(end); err != nil {
		t.Error(err)
	}
	side.keeps(t, func(i int) bool {
		l := letters[i]
		return agent.gone[l.key] && (l.agreed || agent.known[l.key])
	})
}

// fuzzedAgent answers as an agent does where the script says so, and else, or
// besides, what it likes.
type fuzzedAgent struct {
	conn   *smd2.Conn
	script *script
	digest agreed.Digest // of the state both ends had
	// Of which messages it said that they are gone, or others; and which the client
	// may have agreed on with it.
	gone, known map[agreed.Key]bool
}

func (a *fuzzedAgent) say(msg any) bool {
	switch m := msg.(type) {
	case *smd2.Changes:
		for _, c := range m.Changes {
			switch c.Kind {
			case reconcile.Gone, reconcile.Edited:
				a.gone[c.Key] = true
			default:
				a.known[c.Place()] = true
			}
		}
	case *smd2.Outcomes:
		for _, l := range letters {
			a.known[l.key] = true
		}
	}
	return a.conn.Send(msg) == nil
}

func (a *fuzzedAgent) converse() {
	s := a.script
	if a.conn.Greet() != nil || a.conn.Send(&smd2.Hello{Oldest: 1, Newest: 1}) != nil {
		return
	}
	for a.conn.Flush() == nil {
		msg, err := a.conn.Receive()
		if err != nil {
			return
		}
		how := s.of(8)
		if how >= 5 {
			for range pick(s, 1, 2, 40) {
				if !a.say(s.fromAgent()) {
					return
				}
			}
		}
		if how == 7 {
			_ = a.conn.Flush()
			return
		}
		if answer := a.honest(msg); answer != nil && !a.say(answer) {
			return
		}
	}
}

// honest is the answer to a message, if there is to be one.
func (a *fuzzedAgent) honest(msg any) any {
	s := a.script
	switch m := msg.(type) {
	case *smd2.Begin:
		same := m.Digest
		if m.Full {
			same = a.digest
		}
		b := &smd2.Begun{Digest: pick(s, same, agreed.Digest{7}), Total: 2}
		b.Closed = m.Close && b.Digest == same && s.of(2) == 0
		return b
	case *smd2.Folders:
		return &smd2.Folders{Last: true, Folders: []smd2.FolderDigest{{Folder: "Mail", Count: 1}}}
	case *smd2.List:
		e := &smd2.Listing{Last: true}
		for _, l := range letters {
			if l.agreed && l.key.Folder == m.Folder && s.of(2) == 0 {
				e.Entries = append(e.Entries, agreed.Entry{Key: l.key, Mark: l.mark, Sum: sumOf(l.content), Size: int64(len(l.content))})
			}
		}
		return e
	case *smd2.Next:
		c := &smd2.Changes{Last: true}
		if len(*s) > 0 {
			c.Changes = some(s, s.change)
			c.MadeFolders, c.GoneFolders = some(s, s.folder), some(s, s.folder)
			c.Last = s.of(4) != 1
		}
		return c
	case *smd2.Sums:
		sums := make([]agreed.Sum, len(m.Files))
		for i := range sums {
			sums[i] = s.sum()
		}
		return &smd2.Sums{Sums: sums}
	case *smd2.Get:
		b := &smd2.Bodies{}
		for _, item := range m.Items {
			content := pick(s, contents...)
			b.Parts = append(b.Parts, smd2.Part{ID: item.ID, Data: smd2.Data(content), Last: true, Sum: sumOf(content), Missing: s.of(4) == 1})
		}
		return b
	case *smd2.Ops:
		o := &smd2.Outcomes{}
		for _, item := range m.Items {
			o.Items = append(o.Items, smd2.Outcome{ID: item.ID, Left: s.of(3) == 1, Sum: item.Op.Sum})
		}
		return o
	case *smd2.End, *smd2.Cancel:
		return &smd2.Ended{}
	}
	return nil
}
