package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// event is a line of go test -json (go doc test2json).
type event struct {
	Action, Package, Test, Output, Key, Value string
}

// test is what became of a test or subtest.
type test struct {
	output strings.Builder
	action string // pass, fail or skip
	cases  int    // by its attribute, a property or a fuzz target; 0 where it says nothing
	said   string // its last line
}

// mostOutput bounds what is kept of what a test says, in bytes.
const mostOutput = 32 << 10

// outcomes are those of all tests of a package, by name.
type outcomes map[string]map[string]*test

var (
	checked = regexp.MustCompile(`\[rapid\] OK, passed (\d+) tests`)
	execs   = regexp.MustCompile(`fuzz: elapsed: .*, execs: (\d+)`)
	remark  = regexp.MustCompile(`^ +\w+\.go:\d+: (.*)`)
)

// withProperties is the package whose random histories may be more.
const withProperties = "sync/twoway"

// tryAll runs the tests of all chapters, a package at a time; checks is how many
// histories a property has, 0 leaves that to it.
func tryAll(ctx context.Context, checks int) (outcomes, error) {
	type batch struct {
		pkg   string
		names []string
	}
	var batches []*batch
	for _, c := range chapters {
		for _, r := range c.rows {
			i := slices.IndexFunc(batches, func(b *batch) bool { return b.pkg == r.pkg })
			if i < 0 {
				i = len(batches)
				batches = append(batches, &batch{pkg: r.pkg})
			}
			name, _, _ := strings.Cut(r.test, "/")
			if !slices.Contains(batches[i].names, name) {
				batches[i].names = append(batches[i].names, name)
			}
		}
	}
	all := make(outcomes)
	for _, b := range batches {
		args := []string{"-count", "1", "-timeout", "24h", "-parallel", "6", "-run", "^(" + strings.Join(b.names, "|") + ")$", "./" + b.pkg}
		if b.pkg == withProperties && checks > 0 {
			args = append(args, "-rapid.checks", strconv.Itoa(checks))
		}
		if err := all.try(ctx, b.pkg, args...); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// try runs go test and takes in what it tells. That a test fails is no error here.
func (o outcomes) try(ctx context.Context, pkg string, args ...string) error {
	began := time.Now()
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := o.read(pkg, out)
	err = cmd.Wait()
	fmt.Fprintf(os.Stderr, "%s: %s\n", pkg, time.Since(began).Round(time.Second))
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		err = nil // it is seen in the outcomes
	}
	return errors.Join(readErr, err)
}

func (o outcomes) read(pkg string, r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var e event
		if err := json.Unmarshal(text, &e); err != nil {
			return fmt.Errorf("go test said %q: %w", text, err)
		}
		if e.Action == "fail" || e.Action == "build-output" {
			fmt.Fprintf(os.Stderr, "%s: %s %s%s\n", pkg, e.Action, e.Test, strings.TrimRight(e.Output, "\n"))
		}
		if e.Test == "" {
			continue
		}
		if o[pkg] == nil {
			o[pkg] = make(map[string]*test)
		}
		t := o[pkg][e.Test]
		if t == nil {
			t = new(test)
			o[pkg][e.Test] = t
		}
		t.take(e)
		if e.Action == "fail" {
			fmt.Fprint(os.Stderr, t.output.String())
		}
	}
}

func (t *test) take(e event) {
	number := func(text string) int {
		n, _ := strconv.Atoi(text) // what is no number is no count
		return n
	}
	switch e.Action {
	case "pass", "fail", "skip":
		t.action = e.Action
	case "attr":
		if e.Key == "cases" {
			t.cases += number(e.Value)
		}
	case "output":
		if t.output.Len() < mostOutput {
			t.output.WriteString(e.Output)
		}
		if m := checked.FindStringSubmatch(e.Output); m != nil {
			t.cases += number(m[1])
		} else if m := execs.FindStringSubmatch(e.Output); m != nil {
			t.cases = number(m[1]) // it counts on
		} else if m := remark.FindStringSubmatch(strings.TrimRight(e.Output, "\n")); m != nil {
			t.said = m[1]
		}
	}
}

// timeIsUp makes a fuzz target pass that found nothing: go test now and then calls it
// failed when its time is up while an input is still on its way.
func (t *test) timeIsUp() {
	if t == nil || t.action != "fail" {
		return
	}
	said := t.output.String()
	if strings.Contains(said, "    context deadline exceeded\n") && !strings.Contains(said, "Failing input") {
		t.action = "pass"
	}
}

// line is what became of a row: the cases of its test and those below it.
func (o outcomes) line(r row) line {
	l := line{what: r.what, test: r.test}
	tests := o[r.pkg]
	told, leaves, missing := 0, 0, true
	for name, t := range tests {
		if name != r.test && !strings.HasPrefix(name, r.test+"/") {
			continue
		}
		missing = false
		told += t.cases
		leaf := true
		for other := range tests {
			leaf = leaf && !strings.HasPrefix(other, name+"/")
		}
		switch {
		case !leaf:
		case t.action == "skip":
			l.skipped = append(l.skipped, t.said)
		case t.action == "pass":
			leaves++
		default: // fail, or it never ended
			leaves++
			l.failed++
		}
	}
	if t := tests[r.test]; t != nil && t.action == "fail" && l.failed == 0 {
		l.failed = 1
	}
	if missing {
		l.failed = 1
	}
	l.cases = leaves
	if told > 0 {
		l.cases = told
	}
	return l
}

// fuzzAll runs each fuzz target of the tree for a while.
func fuzzAll(ctx context.Context, each time.Duration) ([]line, error) {
	list, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.ImportPath}} {{len .TestGoFiles}} {{len .XTestGoFiles}}", "./...").Output()
	if err != nil {
		return nil, err
	}
	var lines []line
	for text := range strings.Lines(string(list)) {
		pkg, counts, _ := strings.Cut(strings.TrimSpace(text), " ")
		if counts == "0 0" {
			continue
		}
		targets, err := exec.CommandContext(ctx, "go", "test", "-list", "^Fuzz", pkg).Output()
		if err != nil {
			return nil, fmt.Errorf("list the fuzz targets of %s: %w", pkg, err)
		}
		for target := range strings.Lines(string(targets)) {
			target = strings.TrimSpace(target)
			if !strings.HasPrefix(target, "Fuzz") {
				continue
			}
			all := make(outcomes)
			if err := all.try(ctx, pkg, "-run", "^$", "-fuzz", "^"+target+"$", "-fuzztime", each.String(), pkg); err != nil {
				return nil, err
			}
			all[pkg][target].timeIsUp()
			l := all.line(row{test: target, pkg: pkg})
			_, l.what, _ = strings.Cut(pkg, "/")
			lines = append(lines, l)
		}
	}
	return lines, nil
}
