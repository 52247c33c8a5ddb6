// Reliability runs the tests that try to lose mail, in the sizes a person asks
// for, and writes what was tried, how often and with what result to
// docs/reliability.md. Run it with
//
//	make reliability [NTH=25] [OVERLAPS=1000] [FUZZTIME=60s]
//
// Every figure is from that run: a test says by the attribute "cases" how many it
// tried, a property how often it was checked, a fuzz target how many inputs it
// had; else the cases are the subtests.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	fuzz := flag.Duration("fuzz", 0, "how long each fuzz target runs; 0 leaves fuzzing out")
	checks := flag.Int("checks", 0, "how many random histories a property has")
	output := flag.String("o", "", "the Markdown file to write")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ok, err := run(ctx, *fuzz, *checks, *output)
	if err != nil {
		fmt.Fprintln(os.Stderr, "reliability:", err)
	}
	if err != nil || !ok {
		stop()
		os.Exit(1)
	}
}

// run tries everything and reports whether all went well.
func run(ctx context.Context, fuzz time.Duration, checks int, output string) (ok bool, err error) {
	began := time.Now()
	results, err := tryAll(ctx, checks)
	if err != nil {
		return false, err
	}
	r := report{began: began, ok: true}
	for _, c := range chapters {
		rows := make([]line, 0, len(c.rows))
		for _, row := range c.rows {
			rows = append(rows, results.line(row))
		}
		r.add(c.title, rows)
	}
	if fuzz > 0 {
		rows, err := fuzzAll(ctx, fuzz)
		if err != nil {
			return false, err
		}
		r.add(fmt.Sprintf("Parsers of foreign bytes, fuzzed for %s each", fuzz), rows)
	}
	if output == "" {
		_, err = os.Stdout.Write(r.markdown())
		return r.ok, err
	}
	return r.ok, os.WriteFile(output, r.markdown(), 0o644)
}
