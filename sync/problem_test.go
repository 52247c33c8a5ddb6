package sync

import (
	"testing"
	"time"

	"smd-applet/sync/fault"
)

// TestHealth walks an endpoint through successes and failures.
func TestHealth(t *testing.T) {
	t.Parallel()
	type step struct {
		failed  fault.Kind   // of the failure, or
		tell    *fault.Error // what a success leaves
		want    verdict
		problem fault.Kind // afterwards; empty: none
		count   int
	}
	held := leftover("work", []HeldFolder{{"Mail/lists", 12, Pull}}, nil, nil)
	heldMore := leftover("work", []HeldFolder{{"Mail/lists", 13, Pull}}, nil, nil)
	damaged := leftover("work", nil, nil, []string{"Mail/cur/1"})
	for name, steps := range map[string][]step{
		"all is well": {
			{want: unchanged},
			{want: unchanged},
		},
		"one avoidable failure is silent": {
			{failed: fault.Network, want: unchanged},
			{want: unchanged},
			{failed: fault.Network, want: unchanged},
		},
		"a persistent one is told, each time": {
			{failed: fault.Network, want: unchanged},
			{failed: fault.Network, want: raised, problem: fault.Network, count: 2},
			{failed: fault.Network, want: raised, problem: fault.Network, count: 3},
			{want: cleared},
		},
		"one that needs a person is told at once": {
			{failed: fault.Auth, want: raised, problem: fault.Auth, count: 1},
			{failed: fault.Network, want: raised, problem: fault.Network, count: 2},
			{want: cleared},
			{failed: fault.Network, want: unchanged},
		},
		"held mail is told once, and again when it differs": {
			{tell: held, want: raised, problem: fault.Held, count: 1},
			{tell: held, want: unchanged, problem: fault.Held, count: 2},
			{tell: heldMore, want: raised, problem: fault.Held, count: 1},
			{want: cleared},
		},
		"held mail outlives a silent failure": {
			{tell: held, want: raised, problem: fault.Held, count: 1},
			{failed: fault.Network, want: unchanged, problem: fault.Held, count: 1},
			{tell: held, want: unchanged, problem: fault.Held, count: 2},
		},
		"held mail is told again after a loud failure": {
			{tell: held, want: raised, problem: fault.Held, count: 1},
			{failed: fault.Hook, want: raised, problem: fault.Hook, count: 1},
			{tell: held, want: raised, problem: fault.Held, count: 1},
		},
		"damage lasts until a success without": {
			{tell: damaged, want: raised, problem: fault.Damaged, count: 1},
			{want: cleared},
		},
	} {
		var h health
		start := time.Unix(1000, 0)
		for i, s := range steps {
			now := start.Add(time.Duration(i) * time.Minute)
			var got verdict
			if s.failed != "" {
				got = h.failed(now, &fault.Error{Kind: s.failed})
			} else {
				got = h.succeeded(now, s.tell)
			}
			if got != s.want {
				t.Errorf("%s: step %d: verdict %d, want %d", name, i, got, s.want)
			}
			var kind fault.Kind
			var count int
			if h.problem != nil {
				kind, count = h.problem.Err.Kind, h.problem.Count
			}
			if kind != s.problem || count != s.count {
				t.Errorf("%s: step %d: problem %q × %d, want %q × %d", name, i, kind, count, s.problem, s.count)
			}
		}
	}
}

func TestProblemSinceFirstFailure(t *testing.T) {
	t.Parallel()
	var h health
	first := time.Unix(1000, 0)
	h.failed(first, &fault.Error{Kind: fault.Network})
	h.failed(first.Add(time.Minute), &fault.Error{Kind: fault.Network})
	if !h.problem.Since.Equal(first) {
		t.Errorf("since %v, want %v", h.problem.Since, first)
	}
}

func TestLeftover(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		held    []HeldFolder
		damaged []string
		kind    fault.Kind
		text    string
	}{
		"deleted at the server": {
			[]HeldFolder{{"Mail/lists", 12, Pull}},
			nil,
			fault.Held, "12 messages in Mail/lists would be deleted here and were kept",
		},
		"deleted here": {
			[]HeldFolder{{"Mail/old", 1, Push}},
			nil,
			fault.Held, "1 message in Mail/old would be deleted at the server and was kept",
		},
		"two folders": {
			[]HeldFolder{{"A", 10, Pull}, {"B", 11, Pull}},
			nil,
			fault.Held, "10 messages in A would be deleted here and were kept; 11 messages in B would be deleted here and were kept",
		},
		"held mail comes before damage": {
			[]HeldFolder{{"A", 10, Pull}},
			[]string{"Mail/cur/1"},
			fault.Held, "10 messages in A would be deleted here and were kept",
		},
		"one damaged": {nil, []string{"Mail/cur/1"}, fault.Damaged, "Mail/cur/1 is empty or cut short and was not sent"},
		"two damaged": {
			nil,
			[]string{"Mail/cur/1", "Mail/cur/2"},
			fault.Damaged, "2 messages are empty or cut short and were not sent, the first is Mail/cur/1",
		},
	} {
		got := leftover("work", c.held, nil, c.damaged)
		if got.Kind != c.kind || got.Error() != c.text || got.Endpoint != "work" {
			t.Errorf("%s: %s %q of %q", name, got.Kind, got.Error(), got.Endpoint)
		}
	}
	unindexed := &fault.Error{Kind: fault.Hook}
	if got := leftover("work", nil, unindexed, []string{"Mail/cur/1"}); got != unindexed {
		t.Errorf("notmuch failed, but: %v", got)
	}
	if got := leftover("work", []HeldFolder{{"A", 10, Pull}}, unindexed, nil); got.Kind != fault.Held {
		t.Errorf("held mail comes before notmuch, but: %v", got)
	}
	if got := leftover("work", nil, nil, nil); got != nil {
		t.Errorf("nothing is left, but: %v", got)
	}
}
