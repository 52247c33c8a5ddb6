package main_test

import (
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"smd-applet/sync/synctest"
	"smd-applet/sync/synctest/steps"
)

// The client is killed when a message lies at both ends and is not agreed on, then a
// person or a filter refiles or edits it at one of them. It stays one message. In
// sync/twoway an end that plays dead does so at every step.
func TestMovedAfterAKillIsKeptOnce(t *testing.T) {
	t.Parallel()
	if !steps.Supported {
		t.Skip("programs can be traced on Linux on amd64 only")
	}
	for from, name := range []string{"client", "server"} {
		t.Run("from the "+name, func(t *testing.T) {
			prepare := func(t *testing.T) *stage {
				t.Helper()
				s := newStage(t, filepath.Join(t.TempDir(), "w"), "2")
				for _, m := range s.boxes() {
					s.must(m.AddFolder("."))
				}
				_, err := s.boxes()[from].DeliverContent(".", letter(1))
				s.must(err)
				return s
			}
			agrees := prepare(t).agrees(syncs[0])
			var done atomic.Int64
			t.Cleanup(func() {
				if done.Load() == 0 {
					t.Error("the message was never at both ends")
				}
				t.Attr("cases", strconv.FormatInt(done.Load(), 10))
			})
			for at, end := range []string{"client", "server"} {
				for _, deed := range []string{"refile", "edit"} {
					t.Run(deed+" at the "+end, func(t *testing.T) {
						t.Parallel()
						s := prepare(t)
						if !s.die(death{end: here, step: agrees, how: steps.Before}, syncs[0]) || len(s.messages(1-at)) == 0 {
							return // two runs need not take the same steps
						}
						done.Add(1)
						message := s.messages(at)[0]
						var err error
						switch m := s.boxes()[at]; deed {
						case "refile":
							_, err = m.Refile(message, ".b")
						case "edit":
							_, err = m.EditHeader(message, "X-Label", "done")
						}
						s.must(err)
						s.well(syncs)
						rest := s.atRest()
						if d := synctest.DiffNames(rest.census[there], rest.census[here]); d != "" {
							t.Errorf("the ends differ: %s", d)
						}
						if all := s.messages(here); len(all) != 1 {
							t.Errorf("there is %q, want one message", all)
						}
					})
				}
			}
		})
	}
}

// messages are those of an end.
func (s *stage) messages(end int) []string {
	s.t.Helper()
	all, err := s.boxes()[end].Messages("")
	s.must(err)
	return all
}

// agrees is the step by which the client begins to agree on what it brought.
func (s *stage) agrees(program []string) int {
	s.t.Helper()
	var o steps.Order
	if out, err := s.step(map[int]*steps.Order{here: &o}, program...); err != nil || out != "" {
		s.t.Fatalf("the run nobody dies in: %v: %s", err, out)
	}
	trace, err := o.Read()
	s.must(err)
	listed := false
	for i, step := range trace {
		listed = listed || strings.HasSuffix(step.Path, ".brought")
		if listed && strings.HasSuffix(step.Path, ".agreed") {
			return i + 1
		}
	}
	s.t.Fatalf("it agreed on nothing: %v", trace)
	return 0
}
