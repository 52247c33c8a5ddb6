//go:build linux

// Bench measures whole runs of the program, as it is released, over a real sshd
// on loopback, beside other tools on the same mailbox: what docs/performance.md
// says is what it found. Run it with
//
//	make bench
//
// Figures of two runs of it don't compare: machines differ, and so do their hours.
// What it tells are ratios within one run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are what a person may choose.
type options struct {
	messages, folders int
	slowMessages      int
	sizes             []int
	tiny              bool
	median            int
	repeat            int
	enough            time.Duration
	deliveries        int
	rtts              []time.Duration
	idle              time.Duration
	agents            []int
	cold              bool
	only, peerNames   []string
	against           string
	limit, budget     time.Duration
	dir, output       string
}

func main() {
	if len(os.Args) > 3 && (os.Args[1] == asWitness || os.Args[1] == throughPipes) {
		os.Exit(bearWitness(os.Args[1] == throughPipes, os.Args[2], os.Args[3:]))
	}
	o, err := parse(os.Args[1:])
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		err = run(ctx, o)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("bench", flag.ExitOnError)
	f.IntVar(&o.messages, "n", 10_000, "messages in the mailbox")
	f.IntVar(&o.slowMessages, "slow", 100, "messages in the mailbox of the slow peers")
	f.IntVar(&o.folders, "folders", 60, "folders in the mailbox")
	f.BoolVar(&o.tiny, "tiny", false, "messages of a few hundred bytes")
	f.IntVar(&o.median, "median", 4<<10, "the median of the messages' sizes, in bytes; the mean is 2.3 times that")
	f.IntVar(&o.repeat, "repeat", 2, "how often each thing is done; the median counts")
	f.DurationVar(&o.enough, "enough", 6*time.Second, "what took so long in all is not repeated")
	f.IntVar(&o.deliveries, "deliveries", 500, "messages delivered to measure latency")
	f.DurationVar(&o.idle, "idle", 20*time.Second, "how long idleness is watched")
	f.BoolVar(&o.cold, "cold", true, "measure with cold caches too, where this is root")
	f.StringVar(&o.against, "against", "", "another build of smd-applet, to be measured beside this one")
	f.DurationVar(&o.limit, "limit", 2*time.Minute, "how long one run of a peer may take")
	f.DurationVar(&o.budget, "budget", 28*time.Minute, "after this the peers are left out of what is still to do, on lines with latency before")
	f.StringVar(&o.dir, "dir", "", "where the mailboxes are made; the system's temporary directory when empty")
	f.StringVar(&o.output, "o", "", "a Markdown file to write the report to; its plots go to images beside it")
	rtts := f.String("rtt", "0,20ms,100ms", "round-trip latencies of the line")
	sizes := f.String("sizes", "", "sizes of further mailboxes, for those who are quick")
	agents := f.String("agents", "1,10,100", "how many agents run on one machine")
	only := f.String("only", "", "scenarios to run, by "+strings.Join(names(), ", ")+"; all when empty")
	peers := f.String("peers", "", "the peers to measure, by the names in the tables; all when empty")
	_ = f.Parse(args) // it ends the program itself
	for _, word := range split(*rtts) {
		d, err := time.ParseDuration(word)
		if word == "0" {
			d, err = 0, nil
		}
		if err != nil {
			return o, fmt.Errorf("-rtt: %w", err)
		}
		o.rtts = append(o.rtts, d)
	}
	if o.agents, err = numbers(*agents); err != nil {
		return o, fmt.Errorf("-agents: %w", err)
	}
	if o.sizes, err = numbers(*sizes); err != nil {
		return o, fmt.Errorf("-sizes: %w", err)
	}
	o.only, o.peerNames = split(*only), split(*peers)
	for _, name := range o.only {
		if !slices.Contains(names(), name) {
			return o, fmt.Errorf("there is no scenario %q", name)
		}
	}
	if len(o.rtts) == 0 || o.messages < 200 || o.repeat < 1 || o.median < 1 {
		return o, fmt.Errorf("it takes a round-trip latency, 200 messages of a byte and one repetition at least")
	}
	return o, nil
}

func numbers(list string) (all []int, err error) {
	for _, word := range split(list) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number of them", word)
		}
		all = append(all, n)
	}
	return all, nil
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

// scenario is one thing that is measured, for all who keep one mailbox.
type scenario struct {
	name  string
	run   func(*field) error
	where func(*field) bool // where it makes sense; nil: everywhere
	// due is the part of the time for peers after which lines with latency are left
	// out, of the small mailbox and of the other.
	due [2]float64
}

// smallPart is the part of the time for peers that the small mailbox may take.
const smallPart = 0.3

// Each begins with what the ones before it left in step.
var scenarios = []scenario{
	{name: "first", run: firstSync, due: [2]float64{0.08, 0.47}},
	{name: "nothing", run: nothingToDo, due: [2]float64{0.12, 0.5}},
	{name: "new", run: newMessages},
	{name: "day", run: day, due: [2]float64{0.2, 0.55}},
	{name: "flags", run: flags},
	{name: "moves", run: moves},
	{name: "deletions", run: deletions},
	{name: "delivery", run: delivery, due: [2]float64{0.26, 1}},
	{name: "idle", run: idle, where: (*field).large},
	{name: "cold", run: coldCache, where: (*field).large},
	{name: "hyperfine", run: hyperfine, where: (*field).large},
	{name: "calls", run: calls, where: (*field).large},
	{name: "agents", run: agents, where: (*field).large},
}

// larger is the name of what is measured with mailboxes of its own.
const larger = "sizes"

func names() []string {
	var list []string
	for _, s := range scenarios {
		list = append(list, s.name)
	}
	return append(list, larger)
}

// wants reports whether a scenario is to be run.
func (o options) wants(name string) bool { return len(o.only) == 0 || slices.Contains(o.only, name) }

// onlyLarger reports that nothing else is.
func (o options) onlyLarger() bool { return len(o.only) == 1 && o.only[0] == larger }

func run(ctx context.Context, o options) (err error) {
	s, err := setUp(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = s.end(err) }()
	for _, f := range s.fields {
		for _, sc := range scenarios {
			if !o.wants(sc.name) || sc.where != nil && !sc.where(f) {
				continue
			}
			title := sc.name
			if f.due = sc.due[1]; !f.whole {
				f.due = sc.due[0]
				title += fmt.Sprintf(", %d messages", f.messages)
			}
			s.clock.begin(title)
			if err := sc.run(f); err != nil {
				return fmt.Errorf("%s: %w", sc.name, err)
			}
		}
	}
	if o.wants(larger) {
		if err := s.largerMailboxes(); err != nil {
			return fmt.Errorf("%s: %w", larger, err)
		}
	}
	s.spending()
	s.report.whole = true
	return s.report.write(s)
}
