//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The test is its own witness.
func TestMain(m *testing.M) {
	if len(os.Args) > 3 && (os.Args[1] == asWitness || os.Args[1] == throughPipes) {
		os.Exit(bearWitness(os.Args[1] == throughPipes, os.Args[2], os.Args[3:]))
	}
	os.Exit(m.Run())
}

// A run at its smallest, with a peer of each kind that is installed. All
// keep the mail, and the report tells it with plots. SMD_APPLET_BENCH=all takes
// every peer and scenario.
func TestBench(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	report := filepath.Join(dir, "performance.md")
	args := []string{"-n", "200", "-slow", "200", "-folders", "6", "-tiny", "-repeat", "1", "-rtt", "0", "-deliveries", "3", "-idle", "100ms", "-agents", "1,2", "-cold=false", "-dir", dir}
	if os.Getenv("SMD_APPLET_BENCH") != "all" {
		args = append(args, "-peers", "smd/2,tar,mbsync", "-only", "first,day,delivery")
	}
	text := reported(t, report, args...)
	for line := range strings.Lines(text) {
		if strings.Contains(line, "failed:") || strings.HasPrefix(line, "| loopback | smd/2") && !strings.Contains(line, "| same |") {
			t.Error(line)
		}
	}
	if strings.Contains(text, "cut short") || !strings.Contains(text, "](images/performance-day.svg)") {
		t.Errorf("the report is not whole: %.2000s", text)
	}
	leftNothing(t, dir)
}

// reported runs a bench that writes a report, and returns that.
func reported(t *testing.T, report string, args ...string) string {
	t.Helper()
	o, err := parse(append(args, "-o", report))
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// With larger mailboxes each peer has its turn in each round; what is left out says
// why, and what was done once says so. No mailbox is made for anything else.
func TestSizes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	report := filepath.Join(dir, "performance-sizes.md")
	if err := os.WriteFile(filepath.Join(dir, "performance.md"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	text := reported(t, report, "-sizes", "300,200", "-only", "sizes", "-tiny", "-repeat", "2", "-peers", "smd/2,tar", "-dir", dir)
	for _, want := range []string{
		`make bench-sizes`, `\]\(performance\.md\)`, `\]\(images/performance-sizes-first\.svg\)`, `\]\(images/performance-sizes-nothing\.svg\)`,
		`(?m)^\| 200 \| smd/2 \| 2 \| [\d.]+ \([\d.]+–[\d.]+\) \| .* \| same \|$`,
		`(?s)\| 200 \| tar \| 2 \| 1\.00 .*\n\| 300 \| smd/2 \| 2 \| .*\n\| 300 \| tar \|`,
		`(?m)^\| 300 \| smd/2, resident \| 20 \| .* \| same \|$`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("the report lacks %s", want)
		}
	}
	if strings.Contains(text, "failed:") || strings.Contains(text, "left out:") || strings.Contains(text, "cut short") || t.Failed() {
		t.Errorf("%s", text)
	}
	leftNothing(t, dir)
}

// What is done once has neither ratio nor spread, and who is left out is told why.
func TestOnce(t *testing.T) {
	t.Parallel()
	tenth, second := measured{wall: time.Second / 10}, measured{wall: time.Second}
	r := result{what: "smd/2"}
	r.take(result{runs: []measured{tenth}, verdict: same})
	if r.times() != "once" || r.spread() != "" || r.against([]measured{second}) != "" || r.marked().what != "smd/2, once" {
		t.Errorf("one run: %q %q %q %q", r.times(), r.spread(), r.against([]measured{second}), r.marked().what)
	}
	r.take(result{runs: []measured{second}, verdict: "1 lost"})
	r.take(result{runs: []measured{second}, verdict: same})
	if got := r.against([]measured{second, second, second}); r.times() != "3" || r.spread() != "100 ms to 1.00 s" || got != "1.00 (0.10–1.00)" || r.verdict != "1 lost" || r.wall != time.Second {
		t.Errorf("three runs: %q %q %q %q %s", r.times(), r.spread(), got, r.verdict, r.wall)
	}
	s := &stage{}
	s.quick, s.late = []peer{&smd{called: "smd/2"}, &smd{called: "smd 1.3"}, tar{}, mbsync{}}, []peer{muchsync{}}
	for n, want := range map[int]string{1000: "smd/2 smd 1.3 tar", 1_000_000: "smd/2 tar"} {
		var names []string
		in, out := s.quickEnough(n)
		for _, p := range in {
			names = append(names, p.name())
		}
		if got := strings.Join(names, " "); got != want || len(in)+len(out) != 5 || slices.ContainsFunc(out, func(a absentee) bool { return a.why == "" }) {
			t.Errorf("%d messages: %s; left out: %v", n, got, out)
		}
	}
}

// A mailbox is not made where the disk has no room for its copies, and what a
// generated one takes is not underestimated before it is there.
func TestRoom(t *testing.T) {
	t.Parallel()
	for _, tiny := range []bool{true, false} {
		s := &stage{kit: kit{top: t.TempDir()}}
		s.folders, s.tiny, s.median = 20, tiny, 1000
		f, err := s.newField(1000, nil, 2)
		if err != nil {
			t.Fatal(err)
		}
		if each := f.takes / 1000; each < 4<<10 || each > 4<<10+3*int64(s.median) {
			t.Errorf("a message takes %d bytes of the disk", each)
		}
		if err := os.RemoveAll(f.seed); err != nil {
			t.Fatal(err)
		}
		if _, err := s.newField(1000, nil, 1<<30); !errors.Is(err, errNoRoom) {
			t.Errorf("room for a billion copies: %v", err)
		}
		if left, err := os.ReadDir(s.top); err != nil || len(left) > 0 {
			t.Errorf("%v: left %v", err, left)
		}
	}
}

// A bench that is interrupted takes all down that it set up, and leaves the report
// as far as it came.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	report := filepath.Join(dir, "performance.md")
	o, err := parse([]string{"-n", "200", "-tiny", "-repeat", "1", "-rtt", "0", "-peers", "smd/2", "-only", "first,idle", "-idle", "1h", "-dir", dir, "-o", report})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, o) }()
	err = until(t.Context(), "the report is there", func() (bool, error) {
		_, err := os.Stat(report)
		return err == nil, nil
	})
	stop()
	if ran := <-ended; err != nil || ran == nil || !strings.Contains(ran.Error(), "canceled") {
		t.Fatalf("%v; the bench ended with %v", err, ran)
	}
	if text, err := os.ReadFile(report); err != nil || !strings.Contains(string(text), "First sync") || !strings.Contains(string(text), "cut short") {
		t.Errorf("%v: %.2000s", err, text)
	}
	leftNothing(t, dir)
}

// leftNothing checks that no directory and no process of a bench is left.
func leftNothing(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "smd-bench-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v: %q is left", err, left)
	}
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range processes {
		if text, _ := os.ReadFile(process); strings.Contains(string(text), dir) { // it may have ended
			t.Errorf("still running: %s", strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
}

// A scale fits what it shows.
func TestPlot(t *testing.T) {
	t.Parallel()
	for name, values := range map[string][]time.Duration{"even": {time.Second, 2 * time.Second}, "far apart": {time.Millisecond, time.Minute}, "nothing": {0, 0}} {
		p := table{title: "a < b"}
		for _, v := range values {
			p.bars = append(p.bars, bar{"", "smd/2", v})
		}
		svg := string(p.plot())
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") || strings.Contains(svg, "a < b") || strings.Count(svg, "<rect") != len(values) {
			t.Errorf("%s: %s", name, svg)
		}
	}
}
