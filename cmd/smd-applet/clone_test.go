package main

import (
	"strings"
	"testing"
	"time"

	"smd-applet/sync"
	"smd-applet/sync/probe"
)

func TestCloneLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		at    sync.Progress
		total probe.Volume
		took  time.Duration
		want  string
	}{
		{"before", sync.Progress{Phase: sync.PhaseComparing}, probe.Volume{Messages: 9, Bytes: 9e6}, 0, "comparing"},
		{"first", sync.Progress{Phase: sync.PhaseTransferring, Done: 1, Bytes: 1000}, probe.Volume{Bytes: 4e6}, 0, "[--------------------] 1 message, 1.0 kB of 4.0 MB"},
		{
			"half",
			sync.Progress{Phase: sync.PhaseTransferring, Done: 50_000, Bytes: 3_500_000_000},
			probe.Volume{Messages: 100_000, Bytes: 7e9},
			100 * time.Second,
			"[##########----------] 50000 messages, 3.5 GB of 7.0 GB, 35.0 MB/s, 100 s left",
		},
		{
			"more than was there",
			sync.Progress{Phase: sync.PhaseTransferring, Done: 9, Bytes: 8e9},
			probe.Volume{Bytes: 7e9},
			10 * time.Second,
			"[####################] 9 messages, 8.0 GB of 7.0 GB, 800.0 MB/s",
		},
		{"size unknown", sync.Progress{Phase: sync.PhaseTransferring, Done: 9, Bytes: 9e6}, probe.Volume{}, 2 * time.Second, "9 messages, 9.0 MB, 4.5 MB/s"},
	} {
		if got := cloneLine(c.at, c.total, c.took); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Without a terminal a line a minute is enough.
func TestCloneProgressOfNoTerminal(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	now := time.Unix(1e9, 0)
	p := &cloneProgress{w: &said, total: probe.Volume{Messages: 100, Bytes: 100e6}, now: func() time.Time { return now }, last: now}
	for i := range 180 {
		now = now.Add(time.Second)
		p.show(sync.Progress{Phase: sync.PhaseTransferring, Done: i, Bytes: int64(i) * 500e3})
	}
	p.clear()
	want := "[#####---------------] 59 messages, 29.5 MB of 100.0 MB, 508.6 kB/s, 139 s left"
	if lines := strings.Split(strings.TrimSpace(said.String()), "\n"); len(lines) != 3 || !strings.HasPrefix(lines[0], "[#####---------------] 59 messages, 29.5 MB of 100.0 MB, ") {
		t.Errorf("it said %q, want three lines, the first like %q", lines, want)
	}
}
