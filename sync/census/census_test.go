package census_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/census"
	"smd-applet/sync/maildir"
	"smd-applet/sync/synctest"
	"smd-applet/sync/translate"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, home string) *maildir.Store {
	t.Helper()
	store, err := maildir.Open(home, maildir.SameBoxes([]string{"Mail"}), translate.Identity(), false)
	must(t, err)
	t.Cleanup(func() { store.Close() })
	return store
}

func write(t *testing.T, home, name, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(filepath.Join(home, name)), 0o700))
	must(t, os.WriteFile(filepath.Join(home, name), []byte(content), 0o600))
}

var options = census.Options{Mailbox: []string{"Mail"}, Without: "X-A"}

// It finds what the tests' own census finds, which shares no code with it.
func TestTakeAgreesWithAnother(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	want, err := synctest.Generate(filepath.Join(home, "Mail"), synctest.Options{Seed: 5, Messages: 700, Folders: 9, Tiny: true})
	must(t, err)
	c, err := census.Take(t.Context(), open(t, home), options)
	must(t, err)
	distinct := make(map[maildir.Sum]int)
	for i := range c.Messages {
		distinct[c.Messages[i].Sum]++
	}
	if len(c.Messages) != want.Total() || len(distinct) != len(want.Contents()) || len(c.Folders) != len(want) || len(c.Strays) > 0 {
		t.Errorf("%d messages, %d contents, %d folders, strays %v; want %d, %d, %d", len(c.Messages), len(distinct), len(c.Folders), c.Strays, want.Total(), len(want.Contents()), len(want))
	}
	double := 0
	for _, f := range c.ByFolder() {
		double += f.Count.Double
		rel, err := filepath.Rel("Mail", f.Name)
		must(t, err)
		if f.Count.Messages != len(want[rel]) {
			t.Errorf("%s: %d messages, want %d", f.Name, f.Count.Messages, len(want[rel]))
		}
	}
	groups := 0
	for _, d := range c.Doubles() {
		groups += len(d) - 1
	}
	if groups != double {
		t.Errorf("%d doubles by folder, %d by group", double, groups)
	}
}

// The digest without a header is that of the message without it; a body that
// looks like it counts whole.
func TestBare(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write(t, home, "Mail/cur/a:2,", "Subject: s\nX-A: 1\n folded\nx-a: 2\n\nX-A: body\n")
	write(t, home, "Mail/cur/b:2,", "Subject: s\n\nX-A: body\n")
	c, err := census.Take(t.Context(), open(t, home), options)
	must(t, err)
	a, b := &c.Messages[0], &c.Messages[1]
	if !a.Marked() || b.Marked() || a.Sum == b.Sum || a.Stripped() != b.Sum || b.Stripped() != b.Sum {
		t.Errorf("%+v, %+v", a, b)
	}
}

// Messages are alike whose headers differ in white space only, as programs leave
// them that write headers anew; and no others are.
func TestAlike(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for name, content := range map[string]string{
		"1": "References:\n <a@x>\n <b@x>\nSubject:  s  \n\nbody\n",
		"2": "References: \n <a@x>\n <b@x>\nSubject: s\n\nbody\n",
		"3": "References: <a@x> <b@x>\nX-A: mark\n\tfolded\nSubject:s\n\nbody\n",
		"4": "References: <a@x> <b@x>\nSubject: s\n\nbody \n",
		"5": "References: <a@x> <b@y>\nSubject: s\n\nbody\n",
	} {
		write(t, home, "Mail/cur/"+name, content)
	}
	c, err := census.Take(t.Context(), open(t, home), options)
	must(t, err)
	for i := range c.Messages {
		if alike := c.Messages[i].Alike() == c.Messages[0].Alike(); alike != (i < 3) {
			t.Errorf("%s is like the first: %t", c.Messages[i].Name.File, alike)
		}
	}
}

// full is a home with one of everything.
func full(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	for name, content := range map[string]string{
		"Mail/cur/1:2,S":             "Subject: one\n\nbody\n",
		"Mail/new/2":                 "Message-ID: <2@x>\nX-A: mark\n\n",
		"Mail/.a b/cur/3 x:2,F":      "Subject: three\n\n",
		"Mail/cur/4:2,":              "",
		"Mail/cur/5:2,":              "Subject: unended\n",
		"Mail/cur/6\n:2,":            "Subject: bad name\n\n",
		"Mail/cur/.hidden":           "x",
		"Mail/.a b/tmp/t":            "x",
		"Mail/dovecot.index":         "x",
		"Mail/file":                  "x",
		"Mail/cur/sub/x":             "x",
		"Mail/.notmuch/xapian/flint": "x",
		"Mail/empty/cur/.keep":       "",
	} {
		write(t, home, name, content)
	}
	must(t, os.Symlink("1:2,S", filepath.Join(home, "Mail/cur/link")))
	must(t, os.Symlink("nowhere", filepath.Join(home, "Mail/dangling")))
	return home
}

func TestStrays(t *testing.T) {
	t.Parallel()
	c, err := census.Take(t.Context(), open(t, full(t)), options)
	must(t, err)
	want := []census.Stray{
		{Kind: census.Temporary, Path: "Mail/.a b/tmp/t"},
		{Kind: census.Hidden, Path: "Mail/cur/.hidden"},
		{Kind: census.BadName, Path: "Mail/cur/6\n:2,"},
		{Kind: census.Link, Path: "Mail/cur/link"},
		{Kind: census.Misplaced, Path: "Mail/cur/sub"},
		{Kind: census.Misplaced, Path: "Mail/cur/sub/x"},
		{Kind: census.Link, Path: "Mail/dangling"},
		{Kind: census.ServerFile, Path: "Mail/dovecot.index"},
		{Kind: census.Hidden, Path: "Mail/empty/cur/.keep"},
		{Kind: census.Misplaced, Path: "Mail/file"},
	}
	if !slices.Equal(c.Strays, want) {
		t.Errorf("%+v, want %+v", c.Strays, want)
	}
	var flaws []string
	for _, m := range c.Flawed() {
		flaws = append(flaws, m.Name.File+" "+string(m.Flaw))
	}
	if want := []string{"4:2, empty", "5:2, no end of header"}; !slices.Equal(flaws, want) {
		t.Errorf("%q, want %q", flaws, want)
	}
}

// pipe is a channel whose ends are two pipes.
type pipe struct {
	io.Reader
	io.Writer
}

// What one end tells the other hears, behind what its shell prints, and then it
// answers questions; about nothing but mail.
func TestTellAndListen(t *testing.T) {
	t.Parallel()
	home := full(t)
	write(t, home, "secret/cur/7", "Subject: secret\n\n")
	must(t, os.Symlink("../../secret/cur/7", filepath.Join(home, "Mail/new/8")))
	store := open(t, home)
	want, err := census.Take(t.Context(), store, options)
	must(t, err)
	for i := range want.Strays {
		want.Strays[i].Path = strings.ReplaceAll(want.Strays[i].Path, "\n", `\n`)
	}
	fromThere, toHere := io.Pipe()
	fromHere, toThere := io.Pipe()
	told := make(chan error, 1)
	go func() {
		_, err := io.WriteString(toHere, "Welcome!\n"+strings.Repeat("x", 9000)+"\n")
		err = errors.Join(err, census.Tell(t.Context(), store, options, fromHere, toHere))
		told <- errors.Join(err, toHere.Close())
	}()
	line, err := census.Listen(pipe{fromThere, toThere}, nil)
	must(t, err)
	for i := range want.Messages { // a thing of this end
		want.Messages[i].Bare = want.Messages[i].Sum.Header
	}
	if !reflect.DeepEqual(&line.Census, want) {
		t.Errorf("%+v, want %+v", &line.Census, want)
	}
	header, err := line.Header(maildir.Name{Folder: "Mail", Sub: "cur", File: "1:2,S"})
	if err != nil || string(header) != "Subject: one\n\n" {
		t.Errorf("%q, %v", header, err)
	}
	if header, err := line.Header(maildir.Name{Folder: "Mail", Sub: "cur", File: "5:2,"}); err != nil || string(header) != "Subject: unended\n" {
		t.Errorf("%q, %v", header, err)
	}
	if _, err := line.Header(maildir.Name{Folder: "Mail", Sub: "cur", File: "none"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	line.Close()
	must(t, toThere.Close())
	must(t, <-told)
}

func TestQuestionsAboutNoMail(t *testing.T) {
	t.Parallel()
	home := full(t)
	write(t, home, "secret/cur/7", "Subject: secret\n\n")
	must(t, os.Symlink("../../secret/cur/7", filepath.Join(home, "Mail/new/8")))
	for _, question := range []string{"header secret/cur/7", "header ../x/cur/7", "header Mail/../secret/cur/7", "header Mail/new/8", "header Mail/file", "body Mail/cur/1:2,S", ""} {
		var out bytes.Buffer
		err := census.Tell(t.Context(), open(t, home), options, strings.NewReader(question+"\n"), &out)
		if err == nil || strings.Contains(out.String(), "secret") {
			t.Errorf("%s: %v", question, err)
		}
	}
}

// FuzzListen: whatever the other end says is understood or refused.
func FuzzListen(f *testing.F) {
	for _, said := range []string{"", "noise\n", "smd-applet census 1\n", "smd-applet census 1\nfolder Mail\n"} {
		f.Add([]byte(said))
	}
	f.Fuzz(func(_ *testing.T, said []byte) {
		line, err := census.Listen(pipe{bytes.NewReader(said), io.Discard}, nil)
		if err == nil {
			line.Close()
		}
	})
}

// message makes a message of a census.
func message(folder, file string, content byte) census.Message {
	n, _ := maildir.ParseName(folder + "/cur/" + file)
	m := census.Message{Name: n, Size: 10}
	m.Sum.Header[0], m.Sum.Body[0] = content, content
	m.Bare = m.Sum.Header
	return m
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		here, there []string // "content name", in folder a
		want        string
	}{
		"the same":         {[]string{"1 x:2,S"}, []string{"1 x:2,S"}, ""},
		"only here":        {[]string{"1 x:2,S", "2 y:2,"}, []string{"1 x:2,S"}, "only-here y:2,"},
		"only there":       {nil, []string{"1 x:2,S"}, "only-there x:2,S"},
		"flags":            {[]string{"1 x:2,S"}, []string{"1 x:2,FS"}, "flags x:2,S"},
		"names":            {[]string{"1 x:2,S"}, []string{"1 y:2,S"}, "names x:2,S"},
		"names and flags":  {[]string{"1 x:2,S"}, []string{"1 y:2,F"}, "flags x:2,S"},
		"content":          {[]string{"1 x:2,S"}, []string{"2 x:2,"}, "differs x:2,S"},
		"one more of them": {[]string{"1 x:2,", "1 y:2,"}, []string{"1 y:2,"}, "only-here x:2,"},
		"alike by flags":   {[]string{"1 a:2,S", "1 b:2,F"}, []string{"1 c:2,F", "1 d:2,S"}, "names a:2,S names b:2,F"},
		"by name first":    {[]string{"1 a:2,S", "1 b:2,F"}, []string{"1 a:2,F", "1 b:2,S"}, "flags a:2,S flags b:2,F"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			make := func(messages []string) *census.Census {
				c := &census.Census{Folders: []string{"a"}}
				for _, m := range messages {
					c.Messages = append(c.Messages, message("a", m[2:], m[0]))
				}
				return c
			}
			got := census.Compare(make(c.here), make(c.there), func(f string) string { return f })
			var said []string
			for _, d := range got.Differences {
				said = append(said, fmt.Sprint(d.Kind, " ", d.Message().Name.File))
			}
			if s := strings.Join(said, " "); s != c.want {
				t.Errorf("%q, want %q", s, c.want)
			}
			if equal := c.want == "" || strings.HasPrefix(c.want, "names"); got.Equal() != equal && !strings.Contains(c.want, "flags") {
				t.Errorf("equal: %t", got.Equal())
			}
		})
	}
}

// Two ends are equal exactly when the multisets of what is in them are, and every
// message too many at either is told once.
func TestCompareIsComplete(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) *census.Census {
			c := &census.Census{Folders: []string{"a", "b"}}
			for i := range rapid.IntRange(0, 12).Draw(t, label) {
				folder := rapid.SampledFrom(c.Folders).Draw(t, "folder")
				flags := rapid.SampledFrom([]string{"", "S", "F"}).Draw(t, "flags")
				c.Messages = append(c.Messages, message(folder, fmt.Sprintf("%d.%s:2,%s", i, rapid.SampledFrom([]string{"x", "y"}).Draw(t, "name"), flags), byte(rapid.IntRange(1, 3).Draw(t, "content"))))
			}
			return c
		}
		here, there := draw("here"), draw("there")
		got := census.Compare(here, there, func(f string) string { return f })
		left := make(map[string]int)
		key := func(m *census.Message) string { return fmt.Sprint(m.Name.Folder, m.Sum.Header[0]) }
		for i := range here.Messages {
			left[key(&here.Messages[i])]++
		}
		for i := range there.Messages {
			left[key(&there.Messages[i])]--
		}
		for _, d := range got.Differences {
			switch {
			case d.Kind == census.Flags || d.Kind == census.Names:
			default:
				if d.Here != nil {
					left[key(d.Here)]--
				}
				if d.There != nil {
					left[key(d.There)]++
				}
			}
		}
		for k, n := range left {
			if n != 0 {
				t.Fatalf("%s: %d not told", k, n)
			}
		}
		rand.Shuffle(len(here.Messages), func(i, j int) {
			here.Messages[i], here.Messages[j] = here.Messages[j], here.Messages[i]
		})
		if again := census.Compare(here, there, func(f string) string { return f }); len(again.Differences) != len(got.Differences) {
			t.Fatal("the order counts")
		}
	})
}

func TestTitle(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]census.Title{
		"Message-ID: <1@x>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n folded\nFrom: a\nDate: d\n\n": {MessageID: "1@x", Subject: "Grüße folded", From: "a", Date: "d"},
		"Subject: no end":           {Subject: "no end"},
		"no header at all\n\n":      {},
		"":                          {},
		"Subject: =?x-no?q?=FF?=\n": {Subject: "=?x-no?q?=FF?="},
	} {
		if got := census.TitleOf([]byte(header)); got != want {
			t.Errorf("%q: %+v, want %+v", header, got, want)
		}
	}
}
