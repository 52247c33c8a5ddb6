package sync

import (
	"slices"
	"testing"

	"smd-applet/sync/fault"
)

func TestSequence(t *testing.T) {
	t.Parallel()
	pull, push := request{pull: true}, request{push: true}
	for name, c := range map[string]struct {
		asked  request
		kinds  []fault.Kind // of each run's failure; empty: success, also beyond the end
		runs   []Direction
		err    fault.Kind
		failed request
	}{
		"pull":                              {asked: pull, runs: []Direction{Pull}},
		"push":                              {asked: push, runs: []Direction{Push}},
		"pull goes first":                   {asked: both, runs: []Direction{Pull, Push}},
		"no push after a pull needing help": {both, []fault.Kind{fault.Auth}, []Direction{Pull}, fault.Auth, both},
		"no push without network":           {both, []fault.Kind{fault.Network}, []Direction{Pull}, fault.Network, both},
		"no push against a lock":            {both, []fault.Kind{fault.Locked}, []Direction{Pull}, fault.Locked, both},
		"push after a passing failure":      {both, []fault.Kind{fault.ConcurrentEdit}, []Direction{Pull, Push}, fault.ConcurrentEdit, pull},
		"the first failure counts":          {both, []fault.Kind{fault.DiskFull, fault.Hook}, []Direction{Pull, Push}, fault.DiskFull, both},
		"push fails":                        {both, []fault.Kind{"", fault.Hook}, []Direction{Pull, Push}, fault.Hook, push},
		"refused push: pull and push again": {push, []fault.Kind{fault.Conflict}, []Direction{Push, Pull, Push}, "", request{}},
		"refused after a pull":              {both, []fault.Kind{"", fault.Conflict}, []Direction{Pull, Push, Pull, Push}, "", request{}},
		"refused twice":                     {push, []fault.Kind{fault.Conflict, "", fault.Conflict}, []Direction{Push, Pull, Push}, fault.Conflict, push},
		"refused, then the pull fails":      {push, []fault.Kind{fault.Conflict, fault.Network}, []Direction{Push, Pull}, fault.Network, both},
		"a pull's conflict is a failure":    {pull, []fault.Kind{fault.Conflict}, []Direction{Pull}, fault.Conflict, pull},
	} {
		s := newSequence(c.asked, nil)
		var runs []Direction
		for !s.todo.none() {
			d := s.next()
			var err *fault.Error
			if len(c.kinds) > len(runs) && c.kinds[len(runs)] != "" {
				err = &fault.Error{Kind: c.kinds[len(runs)]}
			}
			if runs = append(runs, d); len(runs) > 10 {
				t.Fatalf("%s: goes on for ever", name)
			}
			s.ended(d, Result{}, err)
		}
		if !slices.Equal(runs, c.runs) {
			t.Errorf("%s: ran %v, want %v", name, runs, c.runs)
		}
		var kind fault.Kind
		if s.err != nil {
			kind = s.err.Kind
		}
		if kind != c.err || s.failed != c.failed {
			t.Errorf("%s: failed %+v with %q, want %+v with %q", name, s.failed, kind, c.failed, c.err)
		}
	}
}

func TestSequenceAddsUp(t *testing.T) {
	t.Parallel()
	s := newSequence(both, nil)
	s.ended(Pull, Result{
		Summary: Summary{1, 2, 3, 4, 5, 6, 7, 8, 9},
		Held:    []HeldFolder{{"Mail/old", 9, Pull}},
		Damaged: []string{"a"},
	}, nil)
	s.ended(Push, Result{
		Summary: Summary{10, 20, 30, 40, 50, 60, 70, 80, 90},
		Held:    []HeldFolder{{"Mail/new", 9, Push}},
		Damaged: []string{"b"},
	}, nil)
	if want := (Summary{11, 22, 33, 44, 55, 66, 77, 88, 99}); s.summary != want {
		t.Errorf("summary %+v, want %+v", s.summary, want)
	}
	if want := []HeldFolder{{"Mail/old", 9, Pull}, {"Mail/new", 9, Push}}; !slices.Equal(s.held, want) {
		t.Errorf("held %v, want %v", s.held, want)
	}
	if want := []string{"a", "b"}; !slices.Equal(s.damaged, want) {
		t.Errorf("damaged %v, want %v", s.damaged, want)
	}
}

func TestHeldAfter(t *testing.T) {
	t.Parallel()
	here, there := HeldFolder{"Mail/old", 9, Pull}, HeldFolder{"Mail/new", 8, Push}
	more := HeldFolder{"Mail/old", 10, Pull}
	for name, c := range map[string]struct {
		before []HeldFolder
		d      Direction
		told   []HeldFolder
		want   []HeldFolder
	}{
		"nothing":                            {nil, Pull, nil, nil},
		"found":                              {nil, Pull, []HeldFolder{here}, []HeldFolder{here}},
		"over":                               {[]HeldFolder{here}, Pull, nil, nil},
		"changed":                            {[]HeldFolder{here}, Pull, []HeldFolder{more}, []HeldFolder{more}},
		"a push says nothing of a pull's":    {[]HeldFolder{here}, Push, nil, []HeldFolder{here}},
		"a push adds its own":                {[]HeldFolder{here}, Push, []HeldFolder{there}, []HeldFolder{here, there}},
		"a pull ends only its own":           {[]HeldFolder{here, there}, Pull, nil, []HeldFolder{there}},
		"a run that tells of both is heeded": {[]HeldFolder{here}, Push, []HeldFolder{more, there}, []HeldFolder{more, there}},
	} {
		before := slices.Clone(c.before)
		got := heldAfter(c.before, c.d, c.told)
		if !slices.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if !slices.Equal(before, c.before) {
			t.Errorf("%s: what readers hold was changed", name)
		}
	}
}
