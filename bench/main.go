//go:build linux

// Bench measures whole runs of the program, as it is released, over a real sshd
// on loopback, beside standard tools on the same mailbox: what docs/performance.md
// says is what it found. Run it with
//
//	make bench-scenarios
//
// Figures of two runs of it don't compare: machines differ, and so do their hours.
// What it tells are ratios within one run.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// options are what a person may choose.
type options struct {
	messages, folders int
	tiny              bool
	repeat            int
	deliveries        int
	roundTrip         time.Duration
	idle              time.Duration
	only              string
	against           string
	dir, output       string
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == asWitness {
		os.Exit(bearWitness(os.Args[2], os.Args[3:]))
	}
	var o options
	flag.IntVar(&o.messages, "n", 20_000, "messages in the mailbox")
	flag.IntVar(&o.folders, "folders", 60, "folders in the mailbox")
	flag.BoolVar(&o.tiny, "tiny", false, "messages of a few hundred bytes")
	flag.IntVar(&o.repeat, "repeat", 3, "how often each thing is done; the median counts")
	flag.IntVar(&o.deliveries, "deliveries", 200, "messages delivered to measure latency")
	flag.DurationVar(&o.roundTrip, "rtt", 50*time.Millisecond, "round-trip latency of the slow line")
	flag.DurationVar(&o.idle, "idle", 20*time.Second, "how long idleness is watched")
	flag.StringVar(&o.only, "only", "", "scenarios to run, by "+strings.Join(names(), ", ")+"; all when empty")
	flag.StringVar(&o.against, "against", "", "another build of smd-applet, to be measured beside this one")
	flag.StringVar(&o.dir, "dir", "", "where the mailboxes are made; the system's temporary directory when empty")
	flag.StringVar(&o.output, "o", "", "a Markdown file to write the report to")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// scenario is one thing that is measured.
type scenario struct {
	name string
	run  func(*stage) error
}

// Each begins with what the ones before it left in step.
var scenarios = []scenario{
	{"first", firstSync},
	{"nothing", nothingToDo},
	{"resident", resident},
	{"delivery", delivery},
	{"flags", flags},
	{"moves", moves},
	{"idle", idle},
}

func names() []string {
	var list []string
	for _, s := range scenarios {
		list = append(list, s.name)
	}
	return list
}

func run(o options) (err error) {
	chosen := names()
	if o.only != "" {
		chosen = strings.Split(o.only, ",")
		for _, name := range chosen {
			if !slices.Contains(names(), name) {
				return fmt.Errorf("there is no scenario %q", name)
			}
		}
	}
	s, err := setUp(o)
	if err != nil {
		return err
	}
	defer func() { err = s.end(err) }()
	for _, sc := range scenarios {
		if !slices.Contains(chosen, sc.name) {
			continue
		}
		if err := sc.run(s); err != nil {
			return fmt.Errorf("%s: %w", sc.name, err)
		}
	}
	if o.output == "" {
		return nil
	}
	return s.report.write(o.output, s)
}
