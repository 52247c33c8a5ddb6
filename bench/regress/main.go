// Regress compares the results of Go benchmarks with a baseline, and fails where one
// has become slower beyond noise. Run it with
//
//	make bench-check
//
// Machines differ, and so do their hours: the benchmarks are run in passes, each of
// which begins with the reference benchmark, and every time is first divided by how
// much slower or faster that ran in the same pass than it did for the baseline.
// benchstat then says how large each difference is and how likely it is chance.
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
	for _, results := range [][]byte{before, after} {
		if len(times(passes(results)[0], reference)) == 0 {
			return fmt.Errorf("%s is not in both files, before all else", reference)
		}
	}
	unit, pace := median(times(before, reference)), median(times(after, reference))
	fmt.Printf("this machine takes %.2f of the baseline's time; times are divided by that, pass by pass\n\n", pace/unit)
	// Beside the results, under the names that benchstat heads its columns with.
	then, now := results+"-before", results+"-after"
	defer os.Remove(then)
	defer os.Remove(now)
	if err := errors.Join(os.WriteFile(then, normalised(before, unit), 0o644), os.WriteFile(now, normalised(after, unit), 0o644)); err != nil {
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
	return list
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// passes cuts results where the reference benchmark begins again.
func passes(results []byte) [][]byte {
	var list [][]byte
	begin, at, others := 0, 0, false
	for line := range bytes.Lines(results) {
		if m := result.FindSubmatch(bytes.TrimSpace(line)); m != nil {
			isReference := string(m[1]) == reference
			if isReference && others {
				list = append(list, results[begin:at])
				begin = at
			}
			others = !isReference
		}
		at += len(line)
	}
	return append(list, results[begin:])
}

// normalised divides every time by the pace of its pass, for which the reference
// takes one unit, and takes the number of processors from the names and the machine
// from the head, by which benchstat would keep two machines apart.
func normalised(results []byte, unit float64) []byte {
	var b bytes.Buffer
	for _, pass := range passes(results) {
		ratio := median(times(pass, reference)) / unit
		for line := range bytes.Lines(pass) {
			switch m := result.FindSubmatch(bytes.TrimSpace(line)); {
			case m != nil && string(m[1]) != reference:
				t, _ := strconv.ParseFloat(string(m[3]), 64) // the expression says that it is one
				fmt.Fprintf(&b, "%s%s%.4g%s\n", m[1], m[2], t/ratio, withoutRates(m[4]))
			case bytes.HasPrefix(line, []byte("pkg:")):
				b.Write(line)
			}
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
