package smd1_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/delta"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
	"smd-applet/sync/wire/smd1"
)

// h and b are digests as they stand in lines.
var h, b = one.Header.String(), one.Body.String()

func TestParseActionRefuses(t *testing.T) {
	t.Parallel()
	for what, line := range map[string]string{
		"empty":               "",
		"unknown":             "FETCH Mail/cur/1 " + h + " " + b,
		"other case":          "add Mail/cur/1 " + h + " " + b,
		"no words":            "ADD",
		"a digest missing":    "ADD Mail/cur/1 " + h,
		"a word too many":     "ADD Mail/cur/1 " + h + " " + b + " x",
		"a trailing space":    "ADD Mail/cur/1 " + h + " " + b + " ",
		"two spaces":          "ADD  Mail/cur/1 " + h + " " + b,
		"a raw space":         "ADD Mail/my folder/cur/1 " + h + " " + b,
		"short digest":        "ADD Mail/cur/1 " + h[1:] + " " + b,
		"not hex":             "ADD Mail/cur/1 " + h[:39] + "x " + b,
		"no TO":               "COPY Mail/cur/1 " + h + " " + b + " Mail/cur/2",
		"other word for TO":   "MOVE Mail/cur/1 " + h + " " + b + " WITH Mail/cur/2",
		"nothing behind TO":   "COPYBODY Mail/cur/1 " + b + " TO",
		"no header digest":    "COPYBODY Mail/cur/1 " + b + " TO Mail/cur/2",
		"DELETE with a TO":    "DELETE Mail/cur/1 " + h + " " + b + " TO Mail/cur/2",
		"no WITH":             "REPLACEHEADER Mail/cur/1 " + h + " " + b + " " + h,
		"one digest for two":  "REPLACE Mail/cur/1 " + h + " " + b + " WITH " + h,
		"two digests for one": "REPLACEHEADER Mail/cur/1 " + h + " " + b + " WITH " + h + " " + b,
	} {
		if a, err := smd1.ParseAction(line); err == nil {
			t.Errorf("%s: %+v", what, a)
		}
	}
}

// No name of a peer's leaves the mailboxes, in whatever place of whatever action.
func TestParseActionChecksNames(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"ADD NAME h b", "COPY NAME h b TO Mail/cur/1", "COPY Mail/cur/1 h b TO NAME", "MOVE NAME h b TO Mail/cur/1",
		"MOVE Mail/cur/1 h b TO NAME", "COPYBODY NAME b TO Mail/cur/1 h", "COPYBODY Mail/cur/1 b TO NAME h", "DELETE NAME h b",
		"REPLACEHEADER NAME h b WITH h", "REPLACE NAME h b WITH h b",
	} {
		for _, bad := range []string{"/etc/passwd", "Mail/../../.ssh/cur/1", "..", "Mail/tmp/1", "Mail/1", "Mail//cur/1", "Mail/cur/1\x00", "Mail/cur/\x1b[2J", strings.Repeat("x", 300) + "/cur/1"} {
			l := strings.ReplaceAll(line, " h", " "+h)
			l = strings.ReplaceAll(l, " b", " "+b)
			l = strings.Replace(l, "NAME", bad, 1)
			if _, err := smd1.ParseAction(l); !errors.Is(err, maildir.ErrBadName) {
				t.Errorf("%q: %v", l, err)
			}
			c, _ := said(l + "\n")
			if _, err := c.ReadAction(); !fault.Is(err, fault.Protocol) {
				t.Errorf("%q: %v", l, err)
			}
		}
	}
}

// Only space and per cent are encoded; what else looks encoded is not.
func TestNamesInActions(t *testing.T) {
	t.Parallel()
	for encoded, name := range map[string]string{
		"%20": " ", "%25": "%", "%2520": "%20", "%25%20": "% ", "%2525": "%25",
		"%2F": "%2F", "%00": "%00", "%0a": "%0a", "100%": "100%", "%2": "%2", "%": "%", "a+b": "a+b",
	} {
		a, err := smd1.ParseAction("DELETE Mail/cur/1" + encoded + " " + h + " " + b)
		if err != nil || a.Dst != "Mail/cur/1"+name {
			t.Errorf("%s decoded to %q, %v", encoded, a.Dst, err)
		}
	}
}

func drawName(t *rapid.T, label string) string {
	part := rapid.StringMatching(`([a-zA-Z0-9.:,=+&%]|%20|%25|TO|WITH| |ü){1,8}x`)
	return "Mail/" + part.Draw(t, label+" folder") + "/" + rapid.SampledFrom([]string{"cur", "new"}).Draw(t, label+" sub") + "/" + part.Draw(t, label+" file")
}

func drawDigest(t *rapid.T, label string) maildir.Digest {
	return digest(rapid.StringN(0, 2, -1).Draw(t, label))
}

func TestFormatThenParse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := delta.Action{Kind: rapid.SampledFrom([]delta.Kind{
			delta.Add, delta.Copy, delta.Move, delta.CopyBody, delta.Delete, delta.ReplaceHeader, delta.Replace, delta.Fail,
		}).Draw(t, "kind")}
		if want.Kind == delta.Fail {
			want.Text = rapid.StringMatching(`[^\n]*`).Draw(t, "text")
		} else {
			want.Dst = drawName(t, "dst")
			want.Sum = maildir.Sum{Header: drawDigest(t, "header"), Body: drawDigest(t, "body")}
			was := maildir.Sum{Header: drawDigest(t, "old header"), Body: drawDigest(t, "old body")}
			switch want.Kind {
			case delta.Copy, delta.Move:
				want.Src = drawName(t, "src")
			case delta.CopyBody:
				want.Src, want.Was.Body = drawName(t, "src"), want.Sum.Body
			case delta.Delete:
				want.Was, want.Sum = was, maildir.Sum{}
			case delta.ReplaceHeader:
				want.Was, want.Sum.Body = was, was.Body
			case delta.Replace:
				want.Was = was
			}
		}
		line := smd1.FormatAction(want)
		if strings.Contains(line, "\n") {
			t.Fatalf("%q is no line", line)
		}
		if got, err := smd1.ParseAction(line); err != nil || got != want {
			t.Errorf("%q parsed as %+v, %v, want %+v", line, got, err, want)
		}
	})
}

// The longest names there are can be told of: each byte takes three.
func TestLongestAction(t *testing.T) {
	t.Parallel()
	long := "Mail/" + strings.Repeat(strings.Repeat(" ", 254)+"/", 16) + "cur/%"
	if _, err := maildir.ParseName(long); err != nil {
		t.Fatal(err)
	}
	want := delta.Action{Kind: delta.Move, Src: long, Dst: long + "%", Sum: one}
	c, _ := said(smd1.FormatAction(want) + "\nEND\n")
	if got, err := c.ReadAction(); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

// What an ERROR says is one line, and the first thing said.
func TestErrorText(t *testing.T) {
	t.Parallel()
	for text, line := range map[string]string{"": "ERROR ", "no": "ERROR no", "a\nEND\nb": "ERROR a END b", " two  spaces": "ERROR  two  spaces"} {
		if got := smd1.FormatAction(delta.Action{Kind: delta.Fail, Text: text}); got != line {
			t.Errorf("%q said as %q", text, got)
		}
		a, err := smd1.ParseAction(line)
		if want := strings.ReplaceAll(text, "\n", " "); err != nil || a != (delta.Action{Kind: delta.Fail, Text: want}) {
			t.Errorf("%q heard as %+v, %v", line, a, err)
		}
	}
}

func FuzzParseAction(f *testing.F) {
	for _, a := range actions {
		f.Add(smd1.FormatAction(a))
	}
	for _, line := range []string{"ERROR no", "ERROR", "END", "ABORT", "", "ADD  ", "MOVE a " + h + " " + b + " TO", "ADD Mail/cur/%2520 " + h + " " + b} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		a, err := smd1.ParseAction(line)
		if err != nil {
			if len(err.Error()) > 4*len(line)+1000 || len(err.Error()) > 5000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		if a.Kind != delta.Fail {
			if _, err := maildir.ParseName(a.Dst); err != nil {
				t.Error(err)
			}
			if _, err := maildir.ParseName(a.Src); err != nil && a.Src != "" {
				t.Error(err)
			}
		}
		a.Text = strings.ReplaceAll(a.Text, "\n", " ") // no line has one
		if again, err := smd1.ParseAction(smd1.FormatAction(a)); err != nil || again != a {
			t.Errorf("%+v comes back as %+v, %v", a, again, err)
		}
	})
}
