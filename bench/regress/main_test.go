package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// results are six runs of two benchmarks, and of the reference.
func results(reference, one, two float64) string {
	var b strings.Builder
	b.WriteString("goos: linux\npkg: smd-applet/x\ncpu: some\n")
	for i := range 6 {
		wobble := 1 + float64(i)/1000
		fmt.Fprintf(&b, "BenchmarkReference-2 \t 100\t %.1f ns/op\n", reference*wobble)
		fmt.Fprintf(&b, "BenchmarkOne-2 \t 100\t %.1f ns/op\t 12 MB/s\t 64 B/op\t 3 allocs/op\n", one*wobble)
		fmt.Fprintf(&b, "BenchmarkTwo/a=1-2 \t 100\t %.1f ns/op\t 64 B/op\t 3 allocs/op\n", two*wobble)
	}
	return b.String()
}

// A slower machine is no regression, a slower benchmark is, and so is one that is gone.
func TestRegress(t *testing.T) {
	t.Parallel()
	tool := exec.Command("go", "tool", "-n", "benchstat")
	tool.Dir = filepath.Join("..", "..", "packaging", "tools")
	benchstat, err := tool.Output()
	if err != nil {
		t.Skipf("benchstat cannot be built here: %v", err)
	}
	before := results(1000, 5000, 7000)
	for name, c := range map[string]struct{ after, says string }{
		"the same":                             {before, ""},
		"half as fast a machine":               {results(2000, 10000, 14000), ""},
		"a little slower":                      {results(1000, 5500, 7000), ""},
		"quicker":                              {results(1000, 2000, 7000), ""},
		"slower":                               {results(1000, 5000, 9000), "Two/a=1"},
		"slower than its machine":              {results(500, 5000, 3500), "One"},
		"gone":                                 {strings.ReplaceAll(before, "BenchmarkOne", "BenchmarkOther"), "lack BenchmarkOne"},
		"a machine that slows down":            {results(1000, 5000, 7000) + results(3000, 15000, 21000), ""},
		"slower, on a machine that slows down": {results(1000, 5000, 9000) + results(3000, 15000, 27000), "Two/a=1"},
		"no reference":                         {strings.ReplaceAll(before, reference, "BenchmarkThree"), "not in both"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			then, now := filepath.Join(dir, "then"), filepath.Join(dir, "now")
			for file, text := range map[string]string{then: before, now: c.after} {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := run(strings.TrimSpace(string(benchstat)), then, now)
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}
