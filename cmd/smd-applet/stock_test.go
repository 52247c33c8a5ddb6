package main_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/sync/synctest"
)

// stockPair is a home of ours and, below it, the other end's db-file.
type stockPair struct {
	t            *testing.T
	bin, home    string
	ours, theirs string // db-files
}

func newStockPair(t *testing.T) *stockPair {
	t.Helper()
	xdelta3(t)
	s := &stockPair{t: t, bin: synctest.BuildBinary(t), home: t.TempDir()}
	s.ours, s.theirs = filepath.Join(s.home, ".smd", "laptop__Mail.db.txt"), filepath.Join(s.home, "theirs.db")
	for _, dir := range []string{".smd", "Mail/cur", "Mail/new", "Mail/tmp"} {
		s.must(os.MkdirAll(filepath.Join(s.home, dir), 0o700))
	}
	return s
}

func (s *stockPair) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stockPair) write(file, content string) {
	s.t.Helper()
	s.must(os.WriteFile(file, []byte(content), 0o600))
}

func (s *stockPair) read(file string) string {
	s.t.Helper()
	b, err := os.ReadFile(file)
	s.must(err)
	return string(b)
}

// converse plays against smd-server or smd-client, which has to end well.
func (s *stockPair) converse(act func(*player) error, program string, options ...string) {
	s.t.Helper()
	argv := append(append([]string{filepath.Join(s.bin, program)}, options...), "laptop", "Mail")
	status, said, err := converse(s.home, nil, argv, func(p *player) error {
		p.db = s.theirs
		return act(p)
	})
	if err != nil || status != 0 {
		s.t.Fatalf("%s: %v; status %d: %s", program, err, status, said)
	}
	if s.read(s.ours) != s.read(s.theirs) {
		s.t.Error("the db-files differ")
	}
}

// handshake says and hears that both ends have the player's db-file.
func (p *player) handshake() error {
	hello, err := p.expand("dbfile {db} -")
	if err != nil {
		return err
	}
	return p.each("> protocol 1.3", "> "+hello, "< protocol 1.3", "< "+hello)
}

func (p *player) each(steps ...string) error {
	for _, s := range steps {
		word, rest, _ := strings.Cut(s, " ")
		if err := p.step(word, rest); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// A stock client asks 51 times before it listens (smd 1.3, spec §4.3).
func TestStockClientsRounds(t *testing.T) {
	t.Parallel()
	s := newStockPair(t)
	const messages, round = 170, 51
	want := make(map[string]string)
	for i := range messages {
		name := fmt.Sprintf("Mail/cur/%d.host:2,S", i)
		want[name] = fmt.Sprintf("Subject: %d\n\n%s\n", i, strings.Repeat("x", i*499))
		s.write(filepath.Join(s.home, name), want[name])
	}
	s.converse(func(p *player) error {
		if err := p.handshake(); err != nil {
			return err
		}
		var names []string
		var state strings.Builder
		for {
			line, err := p.r.ReadString('\n')
			if err != nil || line == "END\n" {
				break
			}
			words := strings.Fields(line) // ADD name h b
			names = append(names, words[1])
			fmt.Fprintf(&state, "%s %s %s\n", words[2], words[3], words[1])
		}
		for at := 0; at < len(names); at += round {
			asked := names[at:min(at+round, len(names))]
			for _, n := range asked {
				if err := p.say("GET " + n); err != nil {
					return err
				}
			}
			for _, n := range asked {
				if got, err := p.hearChunk(); err != nil || string(got) != want[n] {
					return fmt.Errorf("%s: %d bytes, want %d: %w", n, len(got), len(want[n]), err)
				}
				delete(want, n)
			}
		}
		if err := p.each("> COMMIT", "<patch", "commit", "> DONE", "<end"); err != nil {
			return err
		}
		if len(want) > 0 || s.read(s.theirs) != state.String() {
			return fmt.Errorf("%d messages were not announced, or the state is not what was", len(want))
		}
		return nil
	}, "smd-server")
}

// A db-file of 40 MB, in windows of 8 MiB: patches by the real xdelta3 as it
// comes (LZMA), and ours by it.
func TestStockLargeState(t *testing.T) {
	t.Parallel()
	s := newStockPair(t)
	var state bytes.Buffer
	const lines = 330_000
	random, digests := rand.NewChaCha8([32]byte{1}), make([]byte, 40)
	for i := range lines {
		random.Read(digests)
		fmt.Fprintf(&state, "%x %x Mail/.list.%d/cur/17%08d.M%dP77.host:2,S\n", digests[:20], digests[20:], i%60, i, i*7919%1_000_000)
	}
	for _, file := range []string{s.ours, s.theirs} {
		s.write(file, state.String())
	}
	gone := strings.SplitAfterN(state.String(), "\n", 3)
	s.converse(func(p *player) error {
		if err := p.handshake(); err != nil {
			return err
		}
		// The first message went, another one came.
		digests, name, _ := strings.Cut(strings.TrimSuffix(gone[0], "\n"), " Mail/")
		added := fmt.Sprintf("%s %s Mail/cur/new:2,\n", digestOf([]byte("Subject: new\n\n")), digestOf([]byte("new\n")))
		s.write(s.theirs+".new", gone[1]+gone[2]+added)
		return p.each("> ADD Mail/cur/new:2, "+strings.TrimSuffix(added, " Mail/cur/new:2,\n"), "> DELETE Mail/"+name+" "+digests, "> END",
			"< GET Mail/cur/new:2,", "> chunk 18", "> Subject: new", "> ", "> new", "< COMMIT", ">patch", "< DONE", "commit")
	}, "smd-client")

	// What is listed and not there is neither read nor, with -n, told.
	s.write(filepath.Join(s.home, "Mail/new/one"), "Subject: one\n\n")
	s.converse(func(p *player) error {
		if err := p.handshake(); err != nil {
			return err
		}
		return p.each("<* ADD Mail/new/one ", "< END", "> COMMIT", "<patch", "commit", "> DONE", "<end")
	}, "smd-server", "-n")
	if got := s.read(s.ours); strings.Count(got, "\n") != lines+1 || !strings.HasSuffix(got, " Mail/new/one\n") {
		t.Errorf("the state has %d lines", strings.Count(got, "\n"))
	}
}

// A cut run leaves a new db-file at either end. Whatever is left, the handshake
// with a stock end leads to the state both share, or to none being touched
// (smd 1.3, spec §4.1).
func TestStockRecovery(t *testing.T) {
	t.Parallel()
	line := func(n string) string {
		return fmt.Sprintf("%s %s Mail/cur/%s:2,\n", digestOf(fmt.Appendf(nil, "Subject: %s\n\n", n)), digestOf([]byte(n)), n)
	}
	states := map[string]string{"1": line("1"), "2": line("1") + line("2"), "3": line("3"), "0": "", "-": "-"}
	for _, c := range []struct {
		a, b, c, d string // db-file and new one here, and there
		agreed     string // "": the ends remember different states
	}{
		{"1", "-", "1", "-", "1"},
		{"1", "2", "1", "-", "1"}, // cut before the client committed
		{"1", "2", "2", "-", "2"}, // cut before the server did: it catches up
		{"2", "-", "1", "2", "2"}, // the other end catches up
		{"1", "-", "1", "2", "1"}, // the new state never came
		{"1", "3", "1", "2", "1"}, // of two runs
		{"1", "1", "1", "-", "1"}, // nothing had changed
		{"1", "1", "1", "1", "1"},
		{"0", "2", "2", "-", "2"}, // the first run of all
		{"0", "2", "0", "-", "0"},
		{"2", "-", "0", "2", "2"},
		{"1", "-", "3", "-", ""},
		{"1", "2", "3", "-", ""},
		{"1", "-", "3", "2", ""},
		{"0", "-", "3", "-", ""},
	} {
		for _, program := range []string{"smd-server", "smd-client"} {
			t.Run(fmt.Sprintf("%s %s,%s meets %s,%s", program, c.a, c.b, c.c, c.d), func(t *testing.T) {
				t.Parallel()
				s := newStockPair(t)
				if c.a != "0" {
					s.write(s.ours, states[c.a])
				}
				if c.b != "-" {
					s.write(s.ours+".new", states[c.b])
				}
				for _, n := range []string{"1", "2"} {
					s.write(filepath.Join(s.home, "Mail/cur", n+":2,"), fmt.Sprintf("Subject: %s\n\n%s", n, n))
				}
				digest := func(state string) string {
					if state == "-" {
						return "-"
					}
					return digestOf([]byte(states[state]))
				}
				steps := []string{
					"> protocol 1.3", "> dbfile " + digest(c.c) + " " + digest(c.d),
					"< protocol 1.3", "< dbfile " + digest(c.a) + " " + digest(c.b),
				}
				switch {
				case c.agreed == "" && program == "smd-client":
					steps = append(steps, "< ABORT", "<end")
				case c.agreed == "":
					steps = append(steps, "<end")
				case program == "smd-client":
					steps = append(steps, "> END", "< COMMIT", ">patch", "< DONE")
				}
				argv := []string{filepath.Join(s.bin, program), "-n", "laptop", "Mail"}
				if program == "smd-client" {
					argv = []string{filepath.Join(s.bin, program), "laptop", "Mail"}
				}
				status, said, err := converse(s.home, nil, argv, func(p *player) error {
					p.db = s.theirs
					if c.agreed != "" {
						s.write(s.theirs, states[c.agreed])
						s.write(s.theirs+".new", states[c.agreed])
					}
					if err := p.each(steps...); err != nil || c.agreed == "" || program == "smd-client" {
						return err
					}
					for { // the changes
						if line, err := p.r.ReadString('\n'); err != nil || line == "END\n" {
							break
						}
					}
					return p.each("> COMMIT", "<patch", "commit", "> DONE", "<end")
				})
				switch {
				case err != nil:
					t.Errorf("%v; status %d: %s", err, status, said)
				case c.agreed == "" && (status == 0 || !strings.Contains(said, "error::context(handshake) probable-cause(db-mismatch)")):
					t.Errorf("status %d: %s", status, said)
				case c.agreed != "" && (status != 0 || s.read(s.ours) != s.read(s.theirs)):
					t.Errorf("status %d: %s: the state is\n%s\nwant\n%s", status, said, s.read(s.ours), s.read(s.theirs))
				}
				if left, _ := filepath.Glob(s.ours + ".*new"); len(left) > 0 {
					t.Errorf("left %q", left)
				}
			})
		}
	}
}
