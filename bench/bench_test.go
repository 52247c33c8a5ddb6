//go:build linux

package main

import (
	"context"
	"os"
	"path/filepath"
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
	args := []string{"-n", "200", "-slow", "200", "-folders", "6", "-tiny", "-repeat", "1", "-rtt", "0", "-deliveries", "3", "-idle", "100ms", "-agents", "1,2", "-cold=false", "-dir", dir, "-o", report}
	if os.Getenv("SMD_APPLET_BENCH") != "all" {
		args = append(args, "-peers", "smd/2,tar,mbsync", "-only", "first,day,delivery")
	}
	o, err := parse(args)
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
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "failed:") || strings.HasPrefix(line, "| loopback | smd/2") && !strings.Contains(line, "| same |") {
			t.Error(line)
		}
	}
	if strings.Contains(string(text), "cut short") || !strings.Contains(string(text), "](images/performance-day.svg)") {
		t.Errorf("the report is not whole: %.2000s", text)
	}
	leftNothing(t, dir)
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
