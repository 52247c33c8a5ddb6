package smd2

import (
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"strings"
	"testing"

	"smd-applet/sync/agreed"
	"smd-applet/sync/reconcile"
)

// transcriptLine is a line of testdata/version1.txt: a name and the bytes on the wire.
type transcriptLine struct{ name, wire string }

// readTranscript reads the golden transcript: a name, a colon, bytes in hex with
// spaces anywhere; lines that begin with a space go on, with # are comments.
func readTranscript(t testing.TB) []transcriptLine {
	t.Helper()
	b, err := os.ReadFile("testdata/version1.txt")
	check(t, err)
	var lines []transcriptLine
	for text := range strings.Lines(strings.ReplaceAll(string(b), "\n ", " ")) {
		if text = strings.TrimSpace(text); text == "" || text[0] == '#' {
			continue
		}
		name, digits, _ := strings.Cut(text, ":")
		wire, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		check(t, err)
		lines = append(lines, transcriptLine{name, string(wire)})
	}
	return lines
}

func digest(b byte) (d agreed.Digest) {
	for i := range d {
		d[i] = b + byte(i)
	}
	return d
}

// golden has every message with every field set.
var golden = func() *oneOfEach {
	var (
		key   = agreed.Key{Folder: "Mail/.work", Unique: "1.M2.\xff"}
		there = agreed.Key{Folder: "Mail/.done", Unique: "1.M2.\xff"}
		mark  = agreed.Mark{Sub: "cur", Info: ":2,S"}
		other = agreed.Mark{Sub: "new", Info: ":2,"}
		sum   = agreed.Sum{Header: digest(0x10), Body: digest(0x40)}
		was   = agreed.Sum{Header: digest(0x70), Body: digest(0xa0)}
		entry = agreed.Entry{Key: key, Mark: mark, Sum: sum, Size: 11000}
		file  = File{Key: key, Mark: mark}
	)
	return &oneOfEach{
		Hello: Hello{
			Oldest: 1, Newest: 2, Program: "smd-applet 0.2.0", Features: []string{"x"}, Excludes: []string{"Mail/.Trash*"}, NoDelete: true,
			LimitUp: 100000, DryRun: true, Resident: true, Subscribe: true,
		},
		Begin: Begin{Full: true, Digest: digest(4), Close: true, Want: 256},
		Begun: Begun{
			Digest: digest(1), Changes: 3, Total: 100000, Watched: true, Losses: []Loss{{Folder: "Mail/.work", Total: 20, Gone: 19, Vanished: true}},
			Skipped: []string{"Mail/link"}, Damaged: []agreed.Key{key}, Closed: true,
		},
		Folders:  Folders{Folders: []FolderDigest{{Folder: "Mail/.work", Digest: digest(2), Count: 24}}, Last: true},
		List:     List{Folder: "Mail/.work"},
		Listing:  Listing{Entries: []agreed.Entry{entry}, Last: true},
		Next:     Next{Max: 1000},
		Changes:  Changes{Changes: []reconcile.Change{{Kind: reconcile.Moved, Key: key, To: there, Mark: mark, Sum: sum, Size: 11000}}, MadeFolders: []string{"Mail/.a"}, GoneFolders: []string{"Mail/.b"}, Last: true, Contents: []Data{Data("Subject: x\n\n")}},
		Sums:     Sums{Files: []File{file}, Sums: []agreed.Sum{sum}},
		Get:      Get{Items: []GetItem{{ID: 7, File: file}}},
		Bodies:   Bodies{Parts: []Part{{ID: 7, Data: Data("Subject: x\n\nhello\n"), Last: true, Sum: sum, Missing: true}}},
		Ops:      Ops{Items: []OpItem{{ID: 8, Op: reconcile.Op{Kind: reconcile.Replace, Key: key, From: other, Was: was, To: there, Mark: mark, Sum: sum, Size: 11000}}}},
		Outcomes: Outcomes{Items: []Outcome{{ID: 8, Left: true, Sum: sum}}},
		Agree:    Agree{Entries: []agreed.Entry{entry}, Drop: []agreed.Key{there}, Folders: []string{"Mail/.a"}, NoFolders: []string{"Mail/.b"}},
		Ended:    Ended{Digest: digest(3), Again: true},
		Changed:  Changed{Changes: []reconcile.Change{{Kind: reconcile.New, Key: key, To: there, Mark: mark, Sum: sum, Size: 12}}, Contents: []Data{Data("Subject: x\n\n")}},
		Progress: Progress{Done: 10, Total: 20},
		Failure:  Failure{Kind: "locked", Op: "lock", Path: "Mail", Text: "another run has it", Hint: "wait", Context: "locking", Fatal: true, Cause: "busy"},
	}
}()

// TestGoldenTranscript: version 1 on the wire is what it was when it was released.
// Who changes the format makes a new version, or a field that is left out when empty.
func TestGoldenTranscript(t *testing.T) {
	t.Parallel()
	lines := readTranscript(t)
	if lines[0] != (transcriptLine{"greeting", magic}) {
		t.Errorf("the greeting is %q", lines[0].wire)
	}
	want := map[string]string{}
	for _, line := range lines[1:] {
		want[line.name] = line.wire
	}
	for _, msg := range golden.messages() {
		name := reflect.TypeOf(msg).Elem().Name()
		c, wire := pipe(Options{Uncompressed: true})
		check(t, c.Send(msg))
		check(t, c.Flush())
		if wire.String() != want[name] {
			t.Errorf("%s is sent as\n%s: %x\nnot as in testdata/version1.txt", name, name, wire.Bytes())
		}
		if got, err := said(want[name]).Receive(); err != nil || !reflect.DeepEqual(got, msg) {
			t.Errorf("%s is read as %+v, %v", name, got, err)
		}
		delete(want, name)
	}
	// What zstd makes of a text may change, what it is read as may not.
	text := Bodies{Parts: []Part{{ID: 1, Data: bytes.Repeat([]byte("Subject: x\n"), 30), Last: true}}}
	if got, err := said(want["Bodies zstd"]).Receive(); err != nil || !reflect.DeepEqual(got, &text) {
		t.Errorf("a compressed frame is read as %+v, %v", got, err)
	}
	delete(want, "Bodies zstd")
	if len(want) > 0 {
		t.Errorf("testdata/version1.txt tells of %v", want)
	}
}

// TestGoldenIsComplete: every field of every message is set in the transcript.
func TestGoldenIsComplete(t *testing.T) {
	t.Parallel()
	var whole func(name string, v reflect.Value)
	whole = func(name string, v reflect.Value) {
		switch {
		case v.Kind() == reflect.Struct:
			for field, value := range v.Fields() {
				whole(name+"."+field.Name, value)
			}
		case v.IsZero():
			t.Errorf("%s is not set", name)
		case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
			whole(name, v.Index(0))
		}
	}
	whole("oneOfEach", reflect.ValueOf(*golden))
}
