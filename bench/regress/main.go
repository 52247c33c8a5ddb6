// Regress compares the results of Go benchmarks with a baseline, and fails where one
// has become slower beyond noise. Run it with
//
//	make bench-check
//
// Machines differ: every time is first divided by how much slower or faster the
// reference benchmark ran than it did for the baseline. benchstat then says how
// large each difference is and how likely it is chance.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What fails: a difference that is so large, and so unlikely to be chance.
const (
	slower = 20 // per cent
	chance = 0.05
)

// reference is the benchmark that tells how fast the machine is.
const reference = "BenchmarkReference"

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: regress BENCHSTAT BASELINE RESULTS")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "regress:", err)
		os.Exit(1)
	}
}

func run(benchstat, baseline, results string) error {
	before, err := os.ReadFile(baseline)
	if err != nil {
		return err
	}
	after, err := os.ReadFile(results)
	if err != nil {
		return err
	}
	ratio, err := speed(before, after)
	if err != nil {
		return err
	}
	fmt.Printf("this machine takes %.2f of the baseline's time; times are divided by that\n\n", ratio)
	// Beside the results, under the names that benchstat heads its columns with.
	then, now := results+"-before", results+"-after"
	defer os.Remove(then)
	defer os.Remove(now)
	if err := errors.Join(os.WriteFile(then, normalised(before, 1), 0o644), os.WriteFile(now, normalised(after, ratio), 0o644)); err != nil {
		return err
	}
	table, err := exec.Command(benchstat, "-alpha", fmt.Sprint(chance), then, now).Output()
	if err != nil {
		return fmt.Errorf("benchstat: %w", err)
	}
	os.Stdout.Write(table)
	missing := absent(before, after)
	worse := regressions(string(table))
	if len(missing) > 0 {
		return fmt.Errorf("the results lack %s: record a new baseline where a benchmark went", strings.Join(missing, ", "))
	}
	if len(worse) > 0 {
		return fmt.Errorf("worse by more than %d %%, and not by chance (p < %g):\n  %s", slower, chance, strings.Join(worse, "\n  "))
	}
	return nil
}

// result is a line of a benchmark: its name without the processors, and its time.
var result = regexp.MustCompile(`(?m)^(Benchmark\S*?)(?:-\d+)?(\s+\d+\s+)([\d.]+)( ns/op.*)$`)

// times are the times of one benchmark.
func times(results []byte, name string) []float64 {
	var list []float64
	for _, m := range result.FindAllSubmatch(results, -1) {
		if string(m[1]) == name {
			if t, err := strconv.ParseFloat(string(m[3]), 64); err == nil {
				list = append(list, t)
			}
		}
	}
	slices.Sort(list)
	return list
}

// speed is how much of the baseline's time the reference took now.
func speed(before, after []byte) (float64, error) {
	b, a := times(before, reference), times(after, reference)
	if len(b) == 0 || len(a) == 0 {
		return 0, fmt.Errorf("%s is not in both files", reference)
	}
	return a[len(a)/2] / b[len(b)/2], nil
}

// normalised divides every time, and takes the number of processors from the names
// and the machine from the head, by which benchstat would keep two machines apart.
func normalised(results []byte, ratio float64) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(results) {
		switch m := result.FindSubmatch(bytes.TrimSpace(line)); {
		case m != nil && string(m[1]) != reference:
			t, _ := strconv.ParseFloat(string(m[3]), 64) // the expression says that it is one
			fmt.Fprintf(&b, "%s%s%.4g%s\n", m[1], m[2], t/ratio, withoutRates(m[4]))
		case bytes.HasPrefix(line, []byte("pkg:")):
			b.Write(line)
		}
	}
	return b.Bytes()
}

var rate = regexp.MustCompile(`\s+[\d.]+ (MB/s|ns/entry)`)

// withoutRates drops what follows from the time.
func withoutRates(units []byte) []byte { return rate.ReplaceAll(units, nil) }

// absent are the benchmarks of the baseline that were not run.
func absent(before, after []byte) []string {
	var list []string
	for _, m := range result.FindAllSubmatch(before, -1) {
		name := string(m[1])
		if len(times(after, name)) == 0 && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// compared is a line of benchstat's with a difference that is not chance.
var compared = regexp.MustCompile(`(?m)^(\S+) .*\s\+([\d.]+)% \(p=[\d.]+ n=`)

// regressions are the lines that tell of too large a difference for the worse.
func regressions(table string) []string {
	var list []string
	for _, m := range compared.FindAllStringSubmatch(table, -1) {
		if more, err := strconv.ParseFloat(m[2], 64); err == nil && more > slower && m[1] != "geomean" {
			list = append(list, strings.Join(strings.Fields(m[0]), " "))
		}
	}
	return list
}
