package index_test

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
)

// entry is a message with hashes that follow from the texts.
func entry(name, header, body string) index.Entry {
	return index.Entry{Name: name, Sum: maildir.Sum{Header: sha1.Sum([]byte(header)), Body: sha1.Sum([]byte(body))}}
}

// Lines written by hand from smd 1.3, spec §2: <sha1 of header> <sha1 of body>
// <file name>, the name raw. The hashes are sha1sum's of "h" and of nothing.
const (
	ofH       = "27d5482eebd075de44389774fce28c69f45c8a75"
	ofNothing = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Mail/.work/cur/1700000000.M1P2.host:2,S",
		"Mail/my folder/cur/1 2  3:2,", // spaces are raw, as many as there are
		"Mail/cur/100%20", "Mail/cur/1 ", " Mail/cur/1", "Mail/Grüße/new/1", "Mail/\xfc/new/1", "Mail/cur/1\r", " ", "x",
		"Mail/" + strings.Repeat("x/", 2000) + "cur/1",
	} {
		line := ofH + " " + ofNothing + " " + name
		e, err := index.ParseLine(line)
		if err != nil || e != entry(name, "h", "") {
			t.Errorf("%q parsed as %+v, %v", line, e, err)
		}
		if got := string(entry(name, "h", "").AppendLine([]byte("before\n"))); got != "before\n"+line+"\n" {
			t.Errorf("%q written as %q", name, got)
		}
	}
}

func TestParseLineRefuses(t *testing.T) {
	t.Parallel()
	for what, line := range map[string]string{
		"empty":              "",
		"no name":            ofH + " " + ofNothing + " ",
		"no name, no space":  ofH + " " + ofNothing,
		"one digest":         ofH + " Mail/cur/1",
		"name first":         "Mail/cur/1 " + ofH + " " + ofNothing,
		"short digest":       ofH[1:] + " " + ofNothing + " Mail/cur/12",
		"not hex":            "x" + ofH[1:] + " " + ofNothing + " Mail/cur/1",
		"body not hex":       ofH + " x" + ofNothing[1:] + " Mail/cur/1",
		"tab between":        ofH + "\t" + ofNothing + " Mail/cur/1",
		"tab before name":    ofH + " " + ofNothing + "\tMail/cur/1",
		"space in front":     " " + ofH + " " + ofNothing + " Mail/cur/1",
		"two spaces between": ofH + "  " + ofNothing + " Mail/cur/1",
	} {
		if e, err := index.ParseLine(line); err == nil {
			t.Errorf("%s: parsed as %+v", what, e)
		}
	}
}

// What parses is written again byte for byte: both ends must hold identical
// files. (Digits are lower-case by the spec, and written so.)
func FuzzParseLine(f *testing.F) {
	f.Add(ofH + " " + ofNothing + " Mail/cur/1 2:2,S")
	f.Add(ofH + " " + ofNothing + " ")
	f.Add(strings.ToUpper(ofH) + " " + ofNothing + " x")
	f.Add(ofH)
	f.Fuzz(func(t *testing.T, line string) {
		e, err := index.ParseLine(line)
		if err != nil {
			return
		}
		const digests = len(ofH) + 1 + len(ofNothing) + 1
		if got, want := string(e.AppendLine(nil)), strings.ToLower(line[:digests])+line[digests:]+"\n"; got != want {
			t.Errorf("%q written as %q", line, got)
		}
	})
}

func TestRead(t *testing.T) {
	t.Parallel()
	want := []index.Entry{entry("Mail/cur/b", "h", ""), entry("Mail/cur/a a\r", "h2", "b2"), entry("Mail/cur/c", "h", "")}
	var file []byte
	for _, e := range want {
		file = e.AppendLine(file)
	}
	for reads, r := range map[string]io.Reader{"whole": bytes.NewReader(file), "in pieces": iotest.OneByteReader(bytes.NewReader(file))} {
		ix, err := index.Read(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := entries(ix); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", reads, got, want)
		}
		for i, e := range want {
			if at, ok := ix.Find(e.Name); !ok || at != i {
				t.Errorf("%q found at %d, %v", e.Name, at, ok)
			}
			if got, ok := ix.Lookup(e.Name); !ok || got != e {
				t.Errorf("%q looked up as %v, %v", e.Name, got, ok)
			}
		}
		if _, ok := ix.Find("Mail/cur/d"); ok {
			t.Error("found what is not there")
		}
		if e, ok := ix.Lookup("Mail/cur/a a"); ok || e != (index.Entry{}) {
			t.Errorf("looked up %v", e)
		}
	}
}

func entries(ix *index.Index) []index.Entry {
	var all []index.Entry
	for i := range ix.Len() {
		all = append(all, ix.At(i))
	}
	return all
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	good := string(entry("Mail/cur/1", "h", "b").AppendLine(nil))
	broken := errors.New("broken disk")
	for what, c := range map[string]struct {
		r    io.Reader
		says string
	}{
		"a cut last line":     {strings.NewReader(good + strings.TrimSuffix(good, "1\n")), "cut short"},
		"only a cut line":     {strings.NewReader(good[:50]), "cut short"},
		"a last line without": {strings.NewReader(strings.TrimSuffix(good, "\n")), "cut short"},
		"a bad line":          {strings.NewReader(good + good + "nonsense\n" + good), "line 3"},
		"an empty line":       {strings.NewReader(good + "\n" + good), "line 2"},
		"NUL bytes":           {strings.NewReader(strings.Repeat("\x00", 500) + "\n"), "line 1"},
		"a failing disk":      {io.MultiReader(strings.NewReader(good), iotest.ErrReader(broken)), "broken disk"},
	} {
		if _, err := index.Read(c.r); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", what, err, c.says)
		}
	}
}

// A line without an end takes no more memory than the longest name allows.
func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	endless := &countingReader{}
	if _, err := index.Read(endless); err == nil {
		t.Error("want an error")
	}
	if endless.n > 64<<10 {
		t.Errorf("%d bytes were read", endless.n)
	}
}

// countingReader is an endless line that knows how much of it was read.
type countingReader struct{ n int }

func (r *countingReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	r.n += len(p)
	return len(p), nil
}

// A callback that has seen enough ends the reading.
func TestEachLineStops(t *testing.T) {
	t.Parallel()
	file := strings.Repeat(string(entry("Mail/cur/1", "h", "b").AppendLine(nil)), 5)
	enough := errors.New("enough")
	n := 0
	err := index.EachLine(strings.NewReader(file), func(index.Entry) error {
		if n++; n == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 2 {
		t.Errorf("%v after %d lines", err, n)
	}
}

func TestAdd(t *testing.T) {
	t.Parallel()
	ix := index.New()
	for _, e := range []index.Entry{entry("a", "1", ""), entry("b", "2", ""), entry("a", "3", "")} {
		ix.Add(e)
	}
	if got, want := entries(ix), []index.Entry{entry("a", "3", ""), entry("b", "2", "")}; !slices.Equal(got, want) {
		t.Errorf("got %v, want the later a in the place of the first: %v", got, want)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db.txt")
	ix, err := index.Load(path)
	if err != nil || ix.Len() != 0 {
		t.Fatalf("missing file: %v", err)
	}
	ix.Add(entry("a", "1", "")) // the empty state is usable
	if err := os.WriteFile(path, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := index.Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v: want it to name the file", err)
	}
	if _, err := index.Load(filepath.Dir(path)); err == nil {
		t.Error("a directory is no db-file")
	}
}

// What WriteNew writes, Load reads back, in the same order.
func TestWriteNewThenLoad(t *testing.T) {
	t.Parallel()
	files := index.Files{DB: filepath.Join(t.TempDir(), "db.txt")}
	rapid.Check(t, func(t *rapid.T) {
		// Anything but a newline may stand in a name.
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[^\n]{1,40}`), 0, 60, rapid.ID[string]).Draw(t, "names")
		var want []index.Entry
		for i, name := range names {
			want = append(want, entry(name, fmt.Sprint(i%7), rapid.StringN(0, 3, -1).Draw(t, "body")))
		}
		err := files.WriteNew(func(put func(index.Entry) error) error {
			for _, e := range want {
				if err := put(e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ix, err := index.Load(files.New())
		if err != nil || !slices.Equal(entries(ix), want) {
			t.Fatalf("%v: got %v, want %v", err, entries(ix), want)
		}
	})
}
