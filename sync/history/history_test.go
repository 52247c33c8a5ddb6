package history

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	stdsync "sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"smd-applet/sync/hooks"
)

func collect(t testing.TB, dir string) []*Block {
	t.Helper()
	var all []*Block
	for b, err := range Read(dir) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// newest is the file that was written last.
func newest(t testing.TB, dir string) string {
	t.Helper()
	days, err := daysOf(dir)
	if err != nil || len(days) == 0 {
		t.Fatalf("no day is kept: %v", err)
	}
	return filepath.Join(dir, days[len(days)-1])
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		home, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		dir := filepath.Join(home, "history")
		name := rapid.StringMatching("Mail/[a-z\xc3\xa9 &]{1,8}/(cur|new)/[0-9]{1,9}\\.x(:2,[DFPRST]{0,3})?")
		changes := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) Change {
			c := Change{Sent: rapid.Bool().Draw(rt, "sent"), Path: name.Draw(rt, "path")}
			c.What = rapid.SampledFrom([]string{hooks.Added, hooks.Removed, hooks.Moved, hooks.Flagged}).Draw(rt, "what")
			if c.What == hooks.Moved || c.What == hooks.Flagged {
				c.To = name.Draw(rt, "to")
			}
			return c
		}), 0, 3000).Draw(rt, "changes")
		o := Outcome{
			Kind: rapid.SampledFrom([]string{"", "network"}).Draw(rt, "kind"), Bytes: rapid.Int64Min(0).Draw(rt, "bytes"),
			Held: []Held{{"Mail/x", 490, true}, {"Mail", 1, false}}, Damaged: []string{"Mail/cur/1"},
		}
		if o.Kind != "" {
			o.Failure, o.WayOut = "a line\nand one", "go on"
		}
		w := Begin(dir, home, "default", "sync", nil)
		for _, c := range changes {
			w.Change(c.Sent, c.What, c.Path, c.To)
		}
		if err := w.End(o); err != nil {
			rt.Fatal(err)
		}
		var got []Change
		blocks := collect(t, dir)
		for i, b := range blocks {
			if b.Run.ID != w.run.ID || b.Run.Endpoint != "default" || b.Run.Way != "sync" || !b.Run.Began.Equal(w.run.Began.Truncate(time.Millisecond)) {
				rt.Fatalf("block %d is of the run %+v, want %+v", i, b.Run, w.run)
			}
			if (b.Outcome != nil) != (i == len(blocks)-1) {
				rt.Fatalf("block %d of %d: outcome %v", i, len(blocks), b.Outcome)
			}
			got = append(got, b.Changes...)
		}
		if !slices.Equal(got, changes) {
			rt.Fatalf("%d changes were written, other %d read", len(changes), len(got))
		}
		end := blocks[len(blocks)-1].Outcome
		if end.Kind != o.Kind || end.Failure != strings.ReplaceAll(o.Failure, "\n", " ") || !slices.Equal(end.Held, o.Held) || !slices.Equal(end.Damaged, o.Damaged) || end.Bytes != o.Bytes {
			rt.Fatalf("the outcome was %+v, is %+v", o, end)
		}
	})
}

// Whatever became of a file, what is whole in it is read, and nothing panics.
func TestTornAndDamaged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		var ends []int // of each run's block in the file
		for i := range 4 {
			w := Begin(dir, dir, "default", "pull", nil)
			for n := range 1 + 40*i { // of both forms
				w.Change(false, hooks.Added, fmt.Sprintf("Mail/cur/%d.%d.host:2,S", i, n), "")
			}
			if err := w.End(Outcome{}); err != nil {
				rt.Fatal(err)
			}
			st, err := os.Stat(newest(t, dir))
			if err != nil {
				rt.Fatal(err)
			}
			ends = append(ends, int(st.Size()))
		}
		path := newest(t, dir)
		b, err := os.ReadFile(path)
		if err != nil {
			rt.Fatal(err)
		}
		whole := 4
		if rapid.Bool().Draw(rt, "torn") {
			n := rapid.IntRange(0, len(b)).Draw(rt, "length")
			b = b[:n]
			whole = 0
			for _, e := range ends {
				if e <= n {
					whole++
				}
			}
		} else {
			at := rapid.IntRange(0, len(b)-1).Draw(rt, "at")
			b[at] ^= rapid.ByteRange(1, 255).Draw(rt, "bits")
			whole-- // at least these are as they were
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			rt.Fatal(err)
		}
		got := collect(t, dir)
		if len(got) < whole || len(got) > whole+1 {
			rt.Fatalf("%d blocks are read, want %d", len(got), whole)
		}
		// And it goes on behind that.
		w := Begin(dir, dir, "default", "pull", nil)
		w.Change(false, hooks.Removed, "Mail/cur/last", "")
		if err := w.End(Outcome{}); err != nil {
			rt.Fatal(err)
		}
		after := collect(t, dir)
		if last := after[len(after)-1]; last.Run.ID != w.run.ID {
			rt.Fatal("what was written behind the damage is not read")
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("\nsmdhp\x05\x00\x00\x00aaaahello"))
	f.Add(new(packer).pack([]byte("run\ta\tb\tsync\t1\n<added\tx\n>moved\ty\tz\nend\t1\n")))
	f.Add(new(packer).pack(bytes.Repeat([]byte("run\ta\tb\tsync\t1\n"), 1000)))
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*maxText))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for block := range blocks(b, dec) {
			if block.Run.ID == "" {
				t.Fatal("a block of no run")
			}
		}
		_, _ = parse(string(b))
	})
}

// A run that changes nothing and ends as the one before it writes nothing.
func TestQuietRunsWriteNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	size := func() int64 {
		st, err := os.Stat(newest(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		return st.Size()
	}
	var one, another Ends // of two programs
	end := func(by *Ends, o Outcome) {
		if err := Begin(dir, dir, "default", "pull", by).End(o); err != nil {
			t.Fatal(err)
		}
	}
	failed := Outcome{Kind: "network", Failure: "no way", WayOut: "wait"}
	end(&one, Outcome{})
	for _, c := range []struct {
		name   string
		by     *Ends
		o      Outcome
		writes bool
	}{
		{"well again", &one, Outcome{}, false},
		{"failed", &one, failed, true},
		{"failed again", &one, failed, false},
		{"well after it", &one, Outcome{}, true},
		{"well in another program", &another, Outcome{}, false},
		{"well in one that remembers nothing", nil, Outcome{}, false},
		{"failed in another program", &another, failed, true},
		{"well, as one's last", &one, Outcome{}, true},
		{"held", &one, Outcome{Held: []Held{{"Mail", 60, false}}}, true},
		{"held still", &one, Outcome{Held: []Held{{"Mail", 60, false}}}, false},
		{"more is held", &one, Outcome{Held: []Held{{"Mail", 61, false}}}, true},
	} {
		before := size()
		end(c.by, c.o)
		if grew := size() > before; grew != c.writes {
			t.Errorf("%s: it grew: %v", c.name, grew)
		}
	}
	lasts, err := LastOf(dir, "default")
	if err != nil || len(lasts) != 1 || lasts[0].Way != "pull" || time.Since(lasts[0].Ended) > time.Hour {
		t.Errorf("the last runs are %v, %v", lasts, err)
	}
}

func TestOldDaysGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	day := func(ago int) string { return filepath.Join(dir, time.Now().AddDate(0, 0, -ago).Format(dayFormat)) }
	for _, f := range []struct {
		name string
		size int64
	}{{day(31), 1}, {day(30), 1}, {day(29), 1}, {day(9), maxKept - maxDay}, {day(2), 9}, {filepath.Join(dir, "last.default.pull"), 3}, {filepath.Join(dir, "other"), 3}} {
		if err := os.WriteFile(f.name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(f.name, f.size); err != nil {
			t.Fatal(err)
		}
	}
	w := Begin(dir, dir, "default", "push", nil)
	w.Change(true, hooks.Added, "Mail/cur/1", "")
	if err := w.End(Outcome{}); err != nil {
		t.Fatal(err)
	}
	days, err := daysOf(dir)
	if err != nil || len(days) < 2 || len(days) > 3 { // 3 when midnight passes
		t.Errorf("kept are %v, %v", days, err)
	}
	for _, name := range []string{"other", "last.default.pull"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// A day has a bound: what comes after is counted.
func TestDayIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	begin := Begin(dir, dir, "default", "pull", nil)
	begin.Change(false, hooks.Added, "Mail/cur/0", "")
	if err := begin.End(Outcome{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(newest(t, dir), maxDay+1); err != nil {
		t.Fatal(err)
	}
	w := Begin(dir, dir, "default", "pull", nil)
	const many = 5000
	for i := range many {
		w.Change(false, hooks.Added, fmt.Sprintf("Mail/cur/%d", i), "")
	}
	if err := w.End(Outcome{}); err != nil {
		t.Fatal(err)
	}
	all := collect(t, dir)
	last := all[len(all)-1]
	if last.Outcome == nil || last.Outcome.Unnamed+len(last.Changes) != many || last.Outcome.Unnamed == 0 {
		t.Errorf("named are %d, counted %+v", len(last.Changes), last.Outcome)
	}
}

// Several programs write at the same time, each from several goroutines.
func TestWritersTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const writers, each = 4, 3000
	var wait stdsync.WaitGroup
	for range writers {
		w := Begin(dir, dir, "default", "pull", nil)
		wait.Go(func() {
			var two stdsync.WaitGroup
			for range 2 {
				two.Go(func() {
					for i := range each / 2 {
						w.Change(false, hooks.Flagged, fmt.Sprintf("Mail/cur/%d:2,", i), fmt.Sprintf("Mail/cur/%d:2,S", i))
					}
				})
			}
			two.Wait()
			if err := w.End(Outcome{}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	runs := make(map[string]int)
	for _, b := range collect(t, dir) {
		runs[b.Run.ID] += len(b.Changes)
	}
	if len(runs) != writers {
		t.Errorf("%d runs are read, want %d", len(runs), writers)
	}
	for id, n := range runs {
		if n != each {
			t.Errorf("of the run %s %d changes are read, want %d", id, n, each)
		}
	}
}

func TestMessageID(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("Received: by a host with a long name\r\n", 500)
	for _, c := range []struct{ message, want string }{
		{"Message-ID: <a@b>\n\nbody", "a@b"},
		{"Subject: x\r\nMESSAGE-id:<a@b> (comment)\r\n\r\n", "a@b"},
		{"Message-Id:\n <a@b>\n\n", "a@b"},
		{"Message-Id: a@b", "a@b"},
		{long + "Message-ID: <a@b>\n\n", "a@b"},
		{"Subject: x\n\nMessage-ID: <in@body>\n", ""},
		{"X-Message-ID: <a@b>\n\n", ""},
		{strings.Repeat("x", 9000) + "Message-ID: <a@b>\n\n", ""},
		{"", ""},
		{"\xff\x00", ""},
	} {
		got, err := MessageID(strings.NewReader(c.message))
		if err != nil || got != c.want {
			t.Errorf("of %.40q it is %q, %v, want %q", c.message, got, err, c.want)
		}
	}
	if IDOf("<a@b>") != IDOf(" a@b ") || IDOf("") != "" || len(IDOf("a@b")) != 16 {
		t.Error("the same Message-ID is not the same")
	}
}

// A message that goes is known by its Message-ID afterwards too.
func TestLeaving(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "one"), []byte("Message-ID: <a@b>\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(home, "history")
	w := Begin(dir, home, "default", "pull", nil)
	w.Leaving("one")
	w.Leaving("none")
	w.Change(false, hooks.Removed, "one", "")
	w.Change(false, hooks.Removed, "none", "")
	if err := w.End(Outcome{}); err != nil {
		t.Fatal(err)
	}
	got := collect(t, dir)[0].Changes
	if len(got) != 2 || got[0].ID != IDOf("a@b") || got[1].ID != "" {
		t.Errorf("it is told as %+v", got)
	}
}

func TestNilWriter(t *testing.T) {
	t.Parallel()
	var w *Writer
	w.Change(false, hooks.Added, "x", "")
	w.Leaving("x")
	if err := w.End(Outcome{}); err != nil {
		t.Error(err)
	}
}

// BenchmarkFirstSync takes down a first sync of 100,000 messages.
func BenchmarkFirstSync(b *testing.B) {
	for b.Loop() {
		dir := b.TempDir()
		w := Begin(dir, dir, "default", "sync", nil)
		for i := range 100_000 {
			w.Change(false, hooks.Added, fmt.Sprintf("Mail/.Lists.%d/cur/17%08d.M%dP%d_%d.host.example,S=%d:2,S", i%40, i*7919, (i*7907)%1_000_000, i%32768, i, (i*31)%90_000), "")
		}
		if err := w.End(Outcome{}); err != nil {
			b.Fatal(err)
		}
		st, err := os.Stat(newest(b, dir))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(st.Size()), "bytes-on-disk")
	}
}
