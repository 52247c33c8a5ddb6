package main_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"smd-applet/sync/synctest"
	"smd-applet/sync/synctest/steps"
)

// crashSession is a run that either end may die in.
type crashSession struct {
	name    string
	dialect string // of PROTOCOL
	program []string
	prepare func(*stage) // up to the run, as mail and people would
}

var (
	pullPush = [][]string{{"smd-pull"}, {"smd-push"}}
	syncs    = [][]string{{"smd-applet", "sync", "default"}}
)

// settled are the programs of a run that makes both ends the same.
func (c *crashSession) settled() [][]string {
	if c.dialect == "1.3" {
		return pullPush
	}
	return syncs
}

// crashSessions are those of the matrix: every kind of action, at both ends.
func crashSessions() []*crashSession {
	var all []*crashSession
	add := func(name string, prepare func(*stage)) {
		all = append(all, &crashSession{name, "2", syncs[0], prepare},
			&crashSession{name + ", pull", "1.3", pullPush[0], prepare},
			&crashSession{name + ", push", "1.3", pullPush[1], func(s *stage) {
				prepare(s)
				s.well(pullPush[:1])
			}})
	}
	add("first sync", func(s *stage) {
		s.generate(s.there.Root, 5)
		if _, err := s.here.DeliverContent(".", letter(1)); err != nil {
			s.t.Fatal(err)
		}
	})
	add("every action", everyAction)
	add("conflicts", conflicts)
	all = append(all,
		&crashSession{"recovery", "2", syncs[0], func(s *stage) { s.crashed(syncs[0], here) }},
		&crashSession{"recovery, pull", "1.3", pullPush[0], func(s *stage) { s.crashed(pullPush[0], here) }},
		&crashSession{"recovery, push", "1.3", pullPush[1], func(s *stage) { s.crashed(pullPush[1], there) }})
	return all
}

func (s *stage) generate(root string, messages int) {
	s.t.Helper()
	if _, err := synctest.Generate(root, synctest.Options{Seed: 5, Messages: messages, Folders: 3, Tiny: true}); err != nil {
		s.t.Fatal(err)
	}
}

func letter(n int) []byte {
	return fmt.Appendf(nil, "From: ada@mail.example\nSubject: letter %d\n\nnumber %d\n", n, n)
}

// well runs programs that must succeed in silence.
func (s *stage) well(programs [][]string) {
	s.t.Helper()
	for _, argv := range programs {
		if out, err := s.run(argv...); err != nil || out != "" {
			s.t.Fatalf("%s: %v: %s", argv, err, out)
		}
	}
}

// common brings both ends to the same messages, and returns them.
func (s *stage) common(messages int) []string {
	s.t.Helper()
	s.generate(s.there.Root, messages)
	s.well(s.settled())
	all, err := s.there.Messages("")
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

func (s *stage) settled() [][]string { return (&crashSession{dialect: s.protocolName}).settled() }

// everyAction makes each kind of change at each end.
func everyAction(s *stage) {
	all := s.common(20)
	try := func(_ string, err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	for end, m := range s.boxes() {
		own := all[10*end:]
		try(m.DeliverContent(".", letter(10*end)))
		try(m.DeliverContent(".fresh"+strconv.Itoa(end), letter(10*end+1)))
		try(m.Flag(own[0], "FRS"))
		try(m.Move(own[1], ".moved"))
		try(m.Refile(own[2], ".moved"))
		try(m.Copy(own[3], ".copied"))
		try("", m.Delete(own[4]))
		try(m.EditHeader(own[5], "X-Label", "done"))
		try(m.EditBody(own[6], "edited\n"))
		try("", m.AddFolder(".empty"+strconv.Itoa(end)))
	}
}

// conflicts changes the same messages at both ends.
func conflicts(s *stage) {
	all := s.common(8)
	try := func(_ string, err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	for end, m := range s.boxes() {
		side := strconv.Itoa(end)
		try(m.EditBody(all[0], "by "+side+"\n"))
		try(m.EditHeader(all[1], "X-Label", side))
		try(m.Flag(all[2], []string{"F", "RS"}[end]))
		try(m.Move(all[3], ".to"+side))
		try(m.DeliverContent(".", letter(1)))
	}
	try("", s.here.Delete(all[4]))
	try(s.there.EditBody(all[4], "kept\n"))
	try("", s.there.Delete(all[5]))
	try(s.here.EditBody(all[5], "kept\n"))
}

// crashed has a run of every action die at that end, about half way.
func (s *stage) crashed(program []string, end int) {
	everyAction(s)
	if s.protocolName == "1.3" && program[0] == "smd-push" {
		s.well(pullPush[:1])
	}
	if !s.die(death{end: end, step: 45, how: steps.Before}, program) {
		s.t.Error("the first run was over before it was killed")
	}
}

// death is one case of the matrix.
type death struct {
	end, step int
	how       steps.How
	power     steps.Power
}

func (d death) String() string {
	return fmt.Sprintf("%s dies %s step %d, power takes %q", [...]string{"client", "server"}[d.end], d.how, d.step, d.power)
}

// deaths are all cases of ends that make so many steps.
func deaths(counts [2]int) []death {
	var all []death
	for end, n := range counts {
		for step := 1; step <= n; step++ {
			all = append(all, death{end, step, steps.Before, steps.Nothing}, death{end, step, steps.Middle, steps.Nothing},
				death{end, step, steps.After, steps.Nothing}, death{end, step, steps.Before, steps.Data},
				death{end, step, steps.Before, steps.Entries}, death{end, step, steps.Before, steps.All})
		}
	}
	return all
}

// crashSample is how many deaths of each session are tried, spread evenly, unless
// SMD_APPLET_CRASH asks for each nth of them: 1 is all.
const crashSample = 5

// eachNth takes each nth, or one after it where that would miss a way to die.
func eachNth(all []death, n int) (some []death) {
	for n > 1 && (n%2 == 0 || n%3 == 0) { // six ways take turns
		n++
	}
	for i := n / 2; i < len(all); i += max(1, n) {
		some = append(some, all[i])
	}
	return some
}

// Whatever dies, and whenever: the next runs put it right.
func TestCrashMatrix(t *testing.T) {
	t.Parallel()
	eachSession(t, crash)
}

// eachSession tries something with every session of [crashSessions].
func eachSession(t *testing.T, try func(*testing.T, *crashSession)) {
	if !steps.Supported {
		t.Skip("programs can be traced on Linux on amd64 only")
	}
	for _, c := range crashSessions() {
		t.Run(c.dialect+": "+c.name, func(t *testing.T) {
			t.Parallel()
			try(t, c)
		})
	}
}

func crash(t *testing.T, c *crashSession) {
	s := newStage(t, filepath.Join(t.TempDir(), "whole"), c.dialect)
	c.prepare(s)
	orders := map[int]*steps.Order{here: {}, there: {}}
	if out, err := s.step(orders, c.program...); err != nil || out != "" {
		t.Fatalf("the run nobody dies in: %v: %s", err, out)
	}
	var counts [2]int
	for end, o := range orders {
		trace, err := o.Read()
		if err != nil {
			t.Fatal(err)
		}
		counts[end] = len(trace)
		for _, fault := range steps.Check(trace) {
			t.Errorf("%s: %s", [...]string{"client", "server"}[end], fault)
		}
	}
	if counts[here] == 0 || counts[there] == 0 {
		t.Fatalf("there are %v steps: none were seen", counts)
	}
	s.well(c.settled())
	want := s.atRest()
	all := deaths(counts)
	if every := os.Getenv("SMD_APPLET_CRASH"); every == "" {
		all = eachNth(all, len(all)/crashSample)
	} else if n, err := strconv.Atoi(every); err == nil {
		all = eachNth(all, n)
	}
	died, cuts, failed := 0, 0, 0
	for _, d := range all {
		ok := t.Run(d.String(), func(t *testing.T) {
			s := newStage(t, filepath.Join(t.TempDir(), "w"), c.dialect)
			c.prepare(s)
			if s.die(d, c.program) {
				died++
				if d.power != steps.Nothing {
					cuts++
				}
			}
			s.recovers(c, want)
		})
		if !ok {
			failed++
		}
	}
	t.Attr("cases", strconv.Itoa(died))
	t.Logf("steps: client %d, server %d; killed: %d, with the power: %d; failed: %d", counts[here], counts[there], died, cuts, failed)
}

// die runs a program with an end that dies, and reports whether it came to that.
func (s *stage) die(d death, program []string) bool {
	s.t.Helper()
	o := &steps.Order{Kill: d.step, How: d.how, Power: d.power}
	out, err := s.step(map[int]*steps.Order{d.end: o}, program...)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	if d.end == there && exit != nil && out == "" {
		s.t.Errorf("the client failed and said nothing")
	}
	trace, err := o.Read()
	if err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	if len(trace) >= d.step {
		s.t.Logf("died at: %s\n%s", trace[d.step-1], out)
	}
	return len(trace) >= d.step
}

// recovers runs again, at most twice, and compares with what is to come of it.
func (s *stage) recovers(c *crashSession, want rest) {
	s.t.Helper()
	for range 2 {
		for _, argv := range c.settled() {
			if out, err := s.run(argv...); err != nil || out != "" {
				s.t.Errorf("%s afterwards: %v: %s", argv, err, out)
			}
		}
		if s.t.Failed() {
			break
		}
	}
	got := s.atRest()
	for end, name := range []string{"client", "server"} {
		if d := synctest.Diff(want.census[end], got.census[end]); d != "" {
			s.t.Errorf("the %s has not what it would have: %s", name, d)
		}
		for _, file := range got.files[end] {
			if !slices.Contains(want.files[end], file) {
				s.t.Errorf("the %s has a stray: %s", name, file)
			}
		}
		for _, file := range want.files[end] {
			if !slices.Contains(got.files[end], file) {
				s.t.Errorf("the %s lacks %s", name, file)
			}
		}
	}
	if d := synctest.DiffNames(got.census[there], got.census[here]); d != "" {
		s.t.Errorf("the ends differ: %s", d)
	}
}

// rest is what both ends have between two runs.
type rest struct {
	census [2]synctest.Census
	files  [2][]string // beside messages
}

// inMail matches what is in a mailbox's cur and new.
var inMail = regexp.MustCompile(`^/Mail/(.*/)?(cur|new)/.`)

func (s *stage) atRest() rest {
	s.t.Helper()
	var r rest
	for end, home := range s.homes {
		var err error
		if r.census[end], err = synctest.TakeCensus(s.boxes()[end].Root); err != nil {
			s.t.Fatal(err)
		}
		err = filepath.WalkDir(home, func(path string, _ fs.DirEntry, err error) error {
			rel := strings.TrimPrefix(path, home)
			if err == nil && !inMail.MatchString(rel) {
				r.files[end] = append(r.files[end], rel)
			}
			return err
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return r
}
