package logbook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/slogtest"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 4, 12, 0, 5, 0, time.Local)

// written is how a record is written.
func written(style style, level slog.Level, message string, with func(*slog.Logger) *slog.Logger, attrs ...any) string {
	var b bytes.Buffer
	h := New(&b, slog.LevelDebug)
	h.style = style
	log := slog.New(h)
	if with != nil {
		log = with(log)
	}
	r := slog.NewRecord(noon, level, message, 0)
	r.Add(attrs...)
	_ = log.Handler().Handle(context.Background(), r)
	return b.String()
}

func TestLines(t *testing.T) {
	t.Parallel()
	work := func(l *slog.Logger) *slog.Logger { return l.With("endpoint", "work", "took", 1234*time.Millisecond) }
	for _, c := range []struct {
		name  string
		style style
		level slog.Level
		msg   string
		with  func(*slog.Logger) *slog.Logger
		attrs []any
		want  string
	}{
		{
			"a run", forFile, slog.LevelInfo, "pull: 3 new, 1 deleted", work,
			[]any{"bytes", int64(43210), "held", 0},
			"2026-03-04 12:00:05  work: pull: 3 new, 1 deleted (1.2 s, 43.2 kB)\n",
		},
		{
			"a failure", forFile, slog.LevelError, "push failed", work,
			[]any{"err", errors.New("mailhost: connection refused"), "wayOut", "check the network"},
			"2026-03-04 12:00:05  ERROR work: push failed: mailhost: connection refused (1.2 s)\n" +
				"                         check the network\n",
		},
		{
			"in the journal", forJournal, slog.LevelError, "push failed", work,
			[]any{"err", errors.New("refused"), "wayOut", "check"},
			"<3>work: push failed: refused (1.2 s)\n<3>    check\n",
		},
		{"of no endpoint", forFile, slog.LevelWarn, "no session bus", nil, []any{"error", "none"}, "2026-03-04 12:00:05  WARNING no session bus: none\n"},
		{
			"others' words", forFile, slog.LevelDebug, "it said", nil,
			[]any{"cause", "a\n2026-01-01 00:00:00  all is well\x1b[2J", "path", "x"},
			"2026-03-04 12:00:05  debug it said: a 2026-01-01 00:00:00 all is well [2J (path x)\n",
		},
		{
			"groups", forJournal, slog.LevelInfo, "m", func(l *slog.Logger) *slog.Logger { return l.WithGroup("g").With("a", 1) },
			[]any{"b", 2, slog.Group("h", "c", true)},
			"<6>m (g.a 1, g.b 2, g.h.c true)\n",
		},
		{"what took long", forJournal, slog.LevelDebug, "m", nil, []any{"took", 61400 * time.Millisecond, "bytes", int64(12)}, "<7>m (1m1s, 12 B)\n"},
	} {
		if got := written(c.style, c.level, c.msg, c.with, c.attrs...); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.name, got, c.want)
		}
	}
}

// TestHandlerKeepsTheRules has what slog asks of every handler, as far as a line
// for people can be read back.
func TestHandlerKeepsTheRules(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	h := New(&b, slog.LevelInfo)
	results := func() []map[string]any {
		var all []map[string]any
		for line := range strings.Lines(b.String()) {
			all = append(all, parse(line))
		}
		return all
	}
	err := slogtest.TestHandler(h, results)
	for line := range strings.Lines(fmt.Sprint(err)) {
		// Every line has a time, a word only what is worse than usual.
		if !strings.Contains(line, "time.Time") && !strings.Contains(line, "zero Record.Time") && !strings.Contains(line, `"level"`) && strings.TrimSpace(line) != "<nil>" {
			t.Error(strings.TrimSpace(line))
		}
	}
}

// parse reads a line back.
func parse(line string) map[string]any {
	fields := map[string]any{slog.TimeKey: line[:len(timeLayout)], slog.LevelKey: slog.LevelInfo}
	message, attrs, _ := strings.Cut(strings.TrimSuffix(line[len(timeLayout)+2:], "\n"), " (")
	fields[slog.MessageKey] = message
	for attr := range strings.SplitSeq(strings.TrimSuffix(attrs, ")"), ", ") {
		key, value, _ := strings.Cut(attr, " ")
		in := fields
		for {
			group, rest, nested := strings.Cut(key, ".")
			if !nested {
				break
			}
			if in[group] == nil {
				in[group] = map[string]any{}
			}
			in, key = in[group].(map[string]any), rest
		}
		if key != "" {
			in[key] = value
		}
	}
	return fields
}

func TestSilentBelowItsLevel(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := slog.New(New(&b, slog.LevelWarn))
	log.Info("no")
	log.Warn("yes")
	if got := b.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "yes") {
		t.Errorf("got %q", got)
	}
}

// A log that is large or old is put aside, so many of them are kept, and no line
// is lost or torn.
func TestRotation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "loop.log")
		limits := Limits{Size: 400, Age: 24 * time.Hour, Keep: 100}
		now := noon
		open := func() *File {
			f := &File{path: path, limits: limits, now: func() time.Time { return now }}
			if err := f.open(); err != nil {
				rt.Fatal(err)
			}
			return f
		}
		f := open()
		var want strings.Builder
		for i := range rapid.IntRange(1, 40).Draw(rt, "lines") {
			line := fmt.Sprintf("%s  line %d%s\n", now.Format(timeLayout), i, strings.Repeat("x", rapid.IntRange(0, 200).Draw(rt, "length")))
			want.WriteString(line)
			if _, err := f.Write([]byte(line)); err != nil {
				rt.Fatal(err)
			}
			if rapid.IntRange(0, 5).Draw(rt, "restart") == 0 {
				if err := f.Close(); err != nil {
					rt.Fatal(err)
				}
				f = open()
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 10).Draw(rt, "hours")) * time.Hour)
		}
		if err := f.Close(); err != nil {
			rt.Fatal(err)
		}
		var got string
		for i := limits.Keep; i >= 0; i-- {
			text, err := os.ReadFile(f.old(i))
			if err != nil {
				continue // so many there are not
			}
			if int64(len(text)) > limits.Size {
				rt.Errorf("%s has %d bytes", f.old(i), len(text))
			}
			first, _ := time.ParseInLocation(timeLayout, string(text[:len(timeLayout)]), time.Local)
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			last, _ := time.ParseInLocation(timeLayout, lines[len(lines)-1][:len(timeLayout)], time.Local)
			if last.Sub(first) > limits.Age {
				rt.Errorf("%s spans %s", f.old(i), last.Sub(first))
			}
			got += string(text)
		}
		if got != want.String() {
			rt.Errorf("got\n%s, want\n%s", got, &want)
		}
	})
}

func TestOldLogsGo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "loop.log")
	f, err := Open(path, Limits{Size: 10, Age: time.Hour, Keep: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		if _, err := fmt.Fprintf(f, "line no %d\n", i); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 3 {
		t.Fatalf("%q, %v", files, err)
	}
	for i, want := range []string{"line no 5\n", "line no 4\n", "line no 3\n"} {
		if text, err := os.ReadFile(f.old(i)); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", f.old(i), text, err)
		}
	}
}

// TestJournal is not parallel: it changes the environment.
func TestJournal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	for value, want := range map[string]bool{
		"": false, "x": false, "1:2": false,
		fmt.Sprintf("%d:%d", st.Dev, st.Ino): true,
	} {
		t.Setenv("JOURNAL_STREAM", value)
		if IsJournal(f) != want {
			t.Errorf("JOURNAL_STREAM=%s: %v", value, !want)
		}
	}
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", st.Dev, st.Ino))
	slog.New(NewConsole(f, slog.LevelInfo)).Warn("look")
	if text, err := os.ReadFile(f.Name()); err != nil || string(text) != "<4>look\n" {
		t.Errorf("%q, %v", text, err)
	}
}
