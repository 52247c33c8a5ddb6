//go:build linux

package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"smd-applet/sync/synctest"
)

// report is what was found so far.
type report struct {
	tables []*table
	whole  bool // all that was asked for is in it
}

// subject is what a report is about. Each tells of the other where that is beside it.
type subject struct{ title, command, file string }

var subjects = [2]subject{
	{"Performance", "make bench", "performance.md"},
	{"Performance with large mailboxes", "make bench-sizes", "performance-sizes.md"},
}

func (o options) subject() subject {
	if o.onlyLarger() {
		return subjects[1]
	}
	return subjects[0]
}

// The ranks of tables.
const (
	large = iota
	small
	last
)

type table struct {
	slug        string // names its plot
	rank        int    // small mailboxes come behind
	title, note string
	head        []string
	rows        [][]string
	bars        []bar
}

// table begins a table of a field's.
func (f *field) table(slug, title, note string, head ...string) *table {
	rank := large
	if !f.whole {
		slug += "-small"
		rank = small
	}
	return &table{slug: slug, rank: rank, title: fmt.Sprintf("%s, mailbox of %d messages", title, f.messages), note: note, head: head}
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// result adds a row that begins with some cells, and then tells what a peer needed
// and what became of the mail.
func (t *table) result(r result, lead ...string) {
	if r.failed {
		t.without(r.verdict, lead...)
		return
	}
	t.add(slices.Concat(lead, r.costs(), []string{r.verdict})...)
}

// without adds a row for a peer that has no figures, and says why.
func (t *table) without(why string, lead ...string) {
	row := make([]string, len(t.head))
	copy(row, lead)
	row[len(row)-1] = why
	t.add(row...)
}

// bar adds a result's time to the plot.
func (t *table) bar(group string, r result) {
	if !r.failed {
		t.bars = append(t.bars, bar{group, r.what, r.wall})
	}
}

// show prints a table and writes the report so far, which a run that is cut short
// leaves.
func (s *stage) show(t *table) {
	if !slices.Contains(s.report.tables, t) {
		s.report.tables = append(s.report.tables, t)
	}
	fmt.Printf("\n%s\n%s\n", t.title, t.note)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(t.head, "\t"))
	for _, row := range t.rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
	if err := s.report.write(s); err != nil {
		s.Logf("%v", err) // the last time it counts
	}
}

// write writes the report as Markdown with its plots, where one is wanted.
func (r *report) write(s *stage) error {
	if s.output == "" {
		return nil
	}
	images := filepath.Join(filepath.Dir(s.output), "images")
	if err := os.MkdirAll(images, 0o755); err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\nWritten by `%s`; nothing in it is typed by hand. Only ratios within this one run mean something.\n\n", s.subject().title, s.subject().command)
	for _, other := range subjects {
		file := filepath.Join(filepath.Dir(s.output), other.file)
		if _, err := os.Stat(file); err == nil && other != s.subject() {
			fmt.Fprintf(&b, "%s: [%s](%s).\n\n", other.title, other.file, other.file)
		}
	}
	if !r.whole {
		b.WriteString("**This run was cut short: what it had measured until then is here.**\n\n")
	}
	for _, fact := range facts(s) {
		fmt.Fprintf(&b, "* %s\n", fact)
	}
	b.WriteString("\n" + legend + "\n")
	tables := slices.Clone(r.tables)
	slices.SortStableFunc(tables, func(t, u *table) int { return cmp.Compare(t.rank, u.rank) })
	for _, t := range tables {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", t.title, t.note)
		if len(t.bars) > 1 {
			name := "performance-" + t.slug + ".svg"
			if err := os.WriteFile(filepath.Join(images, name), t.plot(), 0o644); err != nil {
				return err
			}
			fmt.Fprintf(&b, "\n![%s](images/%s)\n", t.title, name)
		}
		if len(t.rows) == 0 {
			continue
		}
		b.WriteString("\n")
		rule := slices.Repeat([]string{"---"}, len(t.head))
		for _, row := range append([][]string{t.head, rule}, t.rows...) {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		}
	}
	return errors.Join(os.WriteFile(s.output+".new", b.Bytes(), 0o644), os.Rename(s.output+".new", s.output))
}

const legend = "*CPU* and *peak* are the processor time and the resident memory of the largest process, at the client (here) and at the server (there), without sshd's. " +
	"*Reads* are the calls that read, from files, pipes and lines (`/proc/PID/io`). *Wire* is what went over the line both ways, as ssh encrypts it; *round trips* are how often bytes came from the server after some had gone to it. " +
	"*Mail* is the comparison of both ends with each other and with what should be there, message by message, after each run: *same* is well. mbsync and OfflineIMAP add a header of their own to what they bring; muchsync keeps tags, and flags as far as notmuch makes tags of them: one set for all messages of one Message-ID, and none for a message that was moved. It starts in the second after the changes, as it sees what changed in the second of notmuch's look only a run later."

// facts are what a reader has to know of the machine and the run.
func facts(s *stage) []string {
	var u unix.Utsname
	_ = unix.Uname(&u) // it has no way to fail here
	size := fmt.Sprintf("lognormal in size with a median of %d bytes", s.median)
	if s.tiny {
		size = "of a few hundred bytes"
	}
	repeated := fmt.Sprintf("each thing is done up to %d times, until that took %s, with latency once; the median is told", s.repeat, s.enough)
	line := "; IMAP goes through ssh too, to Dovecot's imap; latency is made by a proxy between"
	if s.onlyLarger() {
		repeated, line = "the median is told", ""
	}
	list := []string{
		fmt.Sprintf("%s, after %s", s.began.UTC().Format("2006-01-02"), time.Since(s.began).Round(time.Second)),
		fmt.Sprintf("messages in up to %d folders, %s, none flagged as deleted; %s", s.folders, size, repeated),
		fmt.Sprintf("%d cores (%s), %s of memory, Linux %s, %s", runtime.NumCPU(), synctest.Processor(), installedMemory(), unix.ByteSliceToString(u.Release[:]), fileSystem(s.top)),
		"both ends on this machine, the server behind an sshd on loopback" + line,
		said("ssh", "-V"),
	}
	for _, p := range slices.Concat(s.quick, s.late) {
		list = append(list, p.name()+": "+p.version())
	}
	return append(list, s.absent...)
}

func installedMemory() string {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return "an unknown amount"
	}
	return fmt.Sprintf("%.0f GB", float64(info.Totalram)*float64(info.Unit)/1e9)
}

// said is the first line a program prints of itself.
func said(program string, args ...string) string {
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		return program + " of unknown version"
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return strings.Join(strings.Fields(line), " ")
}

func fileSystem(dir string) string {
	out, err := exec.Command("stat", "-f", "-c", "%T", dir).Output()
	if err != nil {
		return "an unknown file system"
	}
	return strings.TrimSpace(string(out))
}

func seconds(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1e3)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// ratio is "" where there is nothing to compare with.
func ratio(a, b time.Duration) string {
	if b == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", a.Seconds()/b.Seconds())
}

// quantile is the value that a part of the list does not exceed.
func quantile[T int64 | float64 | time.Duration](list []T, part float64) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]
}

// median takes each figure's median by itself.
func median(runs []measured) measured {
	of := func(figure func(measured) int64) int64 {
		var list []int64
		for _, m := range runs {
			list = append(list, figure(m))
		}
		return quantile(list, 0.5)
	}
	end := func(u func(measured) use) use {
		return use{
			CPU:   time.Duration(of(func(m measured) int64 { return int64(u(m).CPU) })),
			Peak:  of(func(m measured) int64 { return u(m).Peak }),
			Reads: of(func(m measured) int64 { return u(m).Reads }),
		}
	}
	return measured{
		wall:  time.Duration(of(func(m measured) int64 { return int64(m.wall) })),
		here:  end(func(m measured) use { return m.here }),
		there: end(func(m measured) use { return m.there }),
		wire:  of(func(m measured) int64 { return m.wire }),
		turns: of(func(m measured) int64 { return m.turns }),
	}
}

// add takes up what another run needed.
func (u *use) add(v use) {
	u.CPU += v.CPU
	u.Reads += v.Reads
	u.Peak = max(u.Peak, v.Peak)
}

// costs are the cells every run has, in the order of costsHead.
func (m measured) costs() []string {
	count := func(n int64) string {
		if n == 0 {
			return "" // not counted
		}
		return fmt.Sprint(n)
	}
	wire := ""
	switch {
	case m.wire >= 1e6:
		wire = megabytes(m.wire)
	case m.wire > 0:
		wire = fmt.Sprintf("%.1f kB", float64(m.wire)/1e3)
	}
	return []string{
		seconds(m.wall), seconds(m.here.CPU), seconds(m.there.CPU), megabytes(m.here.Peak), megabytes(m.there.Peak),
		count(m.here.Reads), count(m.there.Reads), wire, count(m.turns),
	}
}

var costsHead = []string{"wall", "CPU here", "CPU there", "peak here", "peak there", "reads here", "reads there", "wire", "round trips", "mail"}

func heading(first ...string) []string { return append(first, costsHead...) }
