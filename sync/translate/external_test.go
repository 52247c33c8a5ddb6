package translate_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/translate"
)

// TestMain lets the test binary be a translator: "PROGRAM as BEHAVIOUR".
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "as" {
		in := bufio.NewScanner(os.Stdin)
		in.Scan()
		os.Exit(answerAs(os.Args[2], in.Text()))
	}
	// Under the race detector a process sleeps a second before it exits.
	if err := os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// answerAs answers one folder on standard output and returns the exit status.
func answerAs(behaviour, folder string) int {
	switch behaviour {
	case "there":
		fmt.Println(strings.Replace(folder, "Mail/", "Maildir/x-", 1))
	case "back":
		fmt.Println(strings.Replace(folder, "Maildir/x-", "Mail/", 1))
	case "counted":
		asked, err := os.OpenFile("asked", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return 1
		}
		fmt.Fprintln(asked, folder)
		if asked.Close() != nil {
			return 1
		}
		return answerAs("there", folder)
	case "refuses":
		fmt.Print("ERROR\nnot this\none\n")
		return 1
	case "fails":
		fmt.Fprintln(os.Stderr, "out of order")
		return 3
	case "twice":
		fmt.Println(folder)
		fmt.Println(folder)
	case "hangs":
		fmt.Println(strings.Replace(folder, "Mail/", "Maildir/x-", 1))
		select {}
	case "babbles":
		for i := 0; ; i++ {
			if _, err := fmt.Println("Maildir/x", i); err != nil {
				return 1
			}
		}
	case "binary":
		fmt.Print("Maildir/\x00\x1b[2J/cur\n")
	case "bytes":
		fmt.Println("\xff\xfe")
	case "silent":
	case "bare":
		fmt.Println("Maildir/x")
	case "same":
		fmt.Println(folder)
	case "elsewhere":
		fmt.Println("Documents/cur")
	case "beside":
		fmt.Println("Maildir2/cur")
	case "climbs":
		fmt.Println("Maildir/../Maildir/x/cur")
	case "above":
		fmt.Println("../Maildir/cur")
	case "absolute":
		fmt.Println("/Maildir/cur")
	case "unclean":
		fmt.Println("Maildir//x/cur")
	}
	return 0
}

// external makes an endpoint with the behaviours as translators, by the path of
// the program.
func external(t *testing.T, lr, rl string) *config.Endpoint {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &config.Endpoint{
		Mailboxes:    []config.Mailbox{{Local: "Mail", Remote: "Maildir"}},
		TranslatorLR: program + " as " + lr, TranslatorRL: program + " as " + rl,
	}
}

// TestExternalPlaces: a translator is looked up at an absolute path, then below
// the home, then in $PATH (spec, §6).
func TestExternalPlaces(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	// One of them has the name of a program in $PATH, which it hides.
	for _, link := range []string{"bin/own", "cat"} {
		if err := os.Symlink(program, filepath.Join(home, link)); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		home, command string
		remote        string // of Mail/a
	}{
		"absolute":          {home, filepath.Join(home, "bin/own") + " as there", "Maildir/x-a"},
		"below home":        {home, "bin/own as there", "Maildir/x-a"},
		"home before $PATH": {home, "cat as there", "Maildir/x-a"},
		"in $PATH":          {t.TempDir(), "cat", "Mail/a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &config.Endpoint{
				Mailboxes:    []config.Mailbox{{Local: "Mail", Remote: strings.Split(c.remote, "/")[0]}},
				TranslatorLR: c.command, TranslatorRL: c.command,
			}
			m, err := translate.New(e, c.home)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := m.Remote("Mail/a"); err != nil || got != c.remote {
				t.Errorf("%q, %v; want %q", got, err, c.remote)
			}
		})
	}
}

// TestExternalMissing: what can't be run is told before the run begins.
func TestExternalMissing(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "no-program"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, program := range map[string]string{
		"nowhere":             "no-such-translator",
		"nowhere, absolute":   filepath.Join(home, "no-such-translator"),
		"not executable":      "no-program",
		"absolute, no second": "/cat", // only a plain name is looked for in $PATH
	} {
		for _, way := range []string{"LR", "RL"} {
			e := external(t, "there", "back")
			if way == "LR" {
				e.TranslatorLR = program + " x"
			} else {
				e.TranslatorRL = program + " x"
			}
			_, err := translate.New(e, home)
			if !fault.Is(err, fault.Translator) || !strings.Contains(err.Error(), program) {
				t.Errorf("%s, %s: %v, want a failure of kind %s about %s", name, way, err, fault.Translator, program)
				continue
			}
			f := fault.As(err)
			if context, _ := f.Tags(); context != "conf" || !strings.Contains(f.WayOut(), "TRANSLATOR_"+way) {
				t.Errorf("%s, %s: context %q, way out %q", name, way, context, f.WayOut())
			}
		}
	}
}

func TestExternalThereAndBack(t *testing.T) {
	t.Parallel()
	m, err := translate.New(external(t, "there", "back"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for local, remote := range map[string]string{
		"Mail/a":       "Maildir/x-a",
		"Mail/a b/%20": "Maildir/x-a b/%20",
		"Mail/caf\xe9": "Maildir/x-caf\xe9",
	} {
		if got, err := m.Remote(local); err != nil || got != remote {
			t.Errorf("Remote(%q) = %q, %v, want %q", local, got, err, remote)
		}
		if got, err := m.Local(remote); err != nil || got != local {
			t.Errorf("Local(%q) = %q, %v, want %q", remote, got, err, local)
		}
	}
}

// TestExternalIsAskedOnce for a folder, in the home directory, by the path of
// the folder's cur.
func TestExternalIsAskedOnce(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	m, err := translate.New(external(t, "counted", "back"), home)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, folder := range []string{"Mail/a", "Mail/b"} {
			if got, err := m.Remote(folder); err != nil || got != strings.Replace(folder, "Mail/", "Maildir/x-", 1) {
				t.Errorf("Remote(%q) = %q, %v", folder, got, err)
			}
		}
	}
	asked, err := os.ReadFile(filepath.Join(home, "asked"))
	if want := "Mail/a/cur\nMail/b/cur\n"; err != nil || string(asked) != want {
		t.Errorf("it was asked %q, %v; want %q", asked, err, want)
	}
}

// TestExternalRefused: the message says what the program said, and a wrong
// answer is never taken for a place to put mail.
func TestExternalRefused(t *testing.T) {
	t.Parallel()
	for behaviour, want := range map[string]string{
		"refuses":   "not this one",
		"fails":     "out of order",
		"twice":     "more than one line",
		"silent":    "does not end in /cur",
		"babbles":   "more than 65536 bytes",
		"binary":    "no clean path",
		"bytes":     "does not end in /cur",
		"bare":      `"Maildir/x"`,
		"elsewhere": "in none of the mailboxes",
		"beside":    "in none of the mailboxes",
		"climbs":    "no clean path",
		"above":     "no clean path",
		"absolute":  "in none of the mailboxes",
		"unclean":   "no clean path",
	} {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			m, err := translate.New(external(t, behaviour, "back"), t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.Remote("Mail/a")
			if !fault.Is(err, fault.Translator) {
				t.Fatalf("%q, %v; want a failure of kind %s", got, err, fault.Translator)
			}
			for _, word := range []string{"Mail/a", want} {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
			if exit := new(exec.ExitError); behaviour == "fails" && (!errors.As(err, &exit) || exit.ExitCode() != 3) {
				t.Errorf("%v does not tell the exit status", err)
			}
		})
	}
}

// TestExternalIsConfinedToItsEnd: the other end's mailbox is none of this end's.
func TestExternalIsConfinedToItsEnd(t *testing.T) {
	t.Parallel()
	m, err := translate.New(external(t, "same", "same"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.Local("Maildir/a"); !fault.Is(err, fault.Translator) {
		t.Errorf("Local: %q, %v; want a failure of kind %s", got, err, fault.Translator)
	}
	if got, err := m.Remote("Mail/a"); !fault.Is(err, fault.Translator) {
		t.Errorf("Remote: %q, %v; want a failure of kind %s", got, err, fault.Translator)
	}
}
