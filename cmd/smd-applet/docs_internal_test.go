package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// pages are the documents that a person reads.
func pages(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(all) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	return append(all, "../../README.md")
}

// quoted finds what may be a command: a code span, and a line of a console or an
// indented block.
var quoted = regexp.MustCompile("`([^`\n]+)`|(?m:^(?:(?:\\w+)?\\$ |    )(.+)$)")

// TestDocumentedCommandsExist looks up every command of ours in the documents, with
// its options: whether or not it can be run by a test.
func TestDocumentedCommandsExist(t *testing.T) {
	t.Parallel()
	found := 0
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		// What syncmaildir has and we have not is told too.
		here := regexp.MustCompile(`(?m)^.*left out: .*$`).ReplaceAllString(string(text), "")
		for _, m := range quoted.FindAllStringSubmatch(here, -1) {
			for _, line := range regexp.MustCompile(`[|;&]+|\$\(|&&`).Split(m[1]+m[2], -1) {
				known, why := lookUp(strings.Fields(line))
				if why != "" {
					t.Errorf("%s: %q: %s", filepath.Base(page), strings.TrimSpace(line), why)
				}
				if known {
					found++
				}
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d commands are found", found)
	}
}

// lookUp says what is wrong with a command line that is one of ours.
func lookUp(words []string) (ours bool, why string) {
	for len(words) > 0 && (words[0] == "time" || words[0] == "exec" || strings.Contains(words[0], "=") && !strings.HasPrefix(words[0], "-")) {
		words = words[1:]
	}
	if len(words) == 0 || words[0] != "smd-applet" && !slices.Contains(linked, words[0]) {
		return false, ""
	}
	if len(words) == 1 {
		return true, ""
	}
	root := newRoot()
	args := arguments(root, words)
	if strings.HasPrefix(args[0], "-") {
		return true, "" // an option of the applet, as it is started without a command
	}
	cmd, rest, err := root.Find(args)
	if err != nil || cmd == root {
		return true, "there is no such command"
	}
	for _, w := range rest {
		if w == "#" {
			break
		}
		if why := unknownOption(cmd, strings.Trim(w, "[].,'\"")); why != "" {
			return true, why
		}
	}
	return true, ""
}

func unknownOption(cmd *cobra.Command, word string) string {
	cmd.InitDefaultHelpFlag()
	if name, ok := strings.CutPrefix(word, "--"); ok && name != "" {
		name, _, _ = strings.Cut(name, "=")
		if cmd.Flags().Lookup(name) == nil {
			return "there is no option --" + name
		}
	} else if letters, ok := strings.CutPrefix(word, "-"); ok && letters != "" && cmd.Flags().ShorthandLookup(letters[:1]) == nil {
		return "there is no option -" + letters[:1]
	}
	return ""
}

// runInGo are the commands that no script runs, by how [signature] has them, and
// the test that does.
var runInGo = map[string]string{
	"agent":   "TestSyncOverSSH", // the other end of it
	"client":  "TestStock",
	"demo":    "TestDemo",
	"trust +": "TestTrustThenSync",
}

// notOurs are other programs that the documents name in passing, and why no test
// runs that.
var notOurs = []struct {
	command *regexp.Regexp
	why     string
}{
	{regexp.MustCompile(`^(sudo|make) `), "changes the machine, or is the test itself"},
	{regexp.MustCompile(`^(systemctl|loginctl|journalctl) `), "needs a service manager: TestUnits runs the units"},
	{regexp.MustCompile(`^(ssh|ssh-keygen) `), "is told as what a person may look at"},
	{regexp.MustCompile(`^notmuch (new|search)\b`), "is run by the console blocks of notmuch.md"},
}

// foreign are programs whose commands are looked for in the documents.
var foreign = []string{"sudo", "make", "systemctl", "loginctl", "journalctl", "ssh", "ssh-keygen", "ssh-copy-id", "notmuch", "sed", "sh", "tar", "rsync", "mv", "cp", "rm"}

// forReference are pages that tell how it is made, and name commands for that.
var forReference = regexp.MustCompile(`^(architecture|compatibility|decisions|dependencies|performance(-sizes)?|protocol|reliability|screenshots|security)\.md$`)

// typedByTests are pages whose indented lines a test types, one after the other.
var typedByTests = regexp.MustCompile(`^(leaving|from)-\w+\.md$`)

// TestDocumentedCommandsAreRun: each command in the documents, with its options,
// is run by a test, whatever its arguments are. What stands in a console block is
// run as it stands by TestDocumentedCommandsWork.
func TestDocumentedCommandsAreRun(t *testing.T) {
	t.Parallel()
	ran := runByScripts(t)
	addTyped(t, ran)
	tests := testNames(t)
	for command, test := range runInGo {
		if ran[command] {
			t.Errorf("a script runs %q too", command)
		}
		if !tests[test] {
			t.Errorf("%q is said to be run by %s, which is no test", command, test)
		}
		ran[command] = true
	}
	for _, path := range pages(t) {
		page := filepath.Base(path)
		if forReference.MatchString(page) {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
			if indented := strings.HasPrefix(m[0], "    "); m[2] != "" && (!indented || typedByTests.MatchString(page)) {
				continue // it is run as it stands
			}
			for _, line := range splitCommands(m[1] + m[2]) {
				words := strings.Fields(line)
				if len(words) > 1 && slices.Contains(foreign, words[0]) {
					if !slices.ContainsFunc(notOurs, func(n struct {
						command *regexp.Regexp
						why     string
					},
					) bool {
						return n.command.MatchString(strings.TrimSpace(line))
					}) {
						t.Errorf("%s: nothing runs %q", page, strings.TrimSpace(line))
					}
					continue
				}
				if s := signature(words); s != "" && !isRun(ran, s) {
					t.Errorf("%s: nothing runs %q (%s)", page, strings.TrimSpace(line), s)
				}
			}
		}
	}
}

// isRun reports whether a command was run. One without an argument is only named,
// as are its options: it may have been run with others too.
func isRun(ran map[string]bool, command string) bool {
	words := strings.Split(command, " --")
	if ran[command] || strings.HasSuffix(words[0], " +") {
		return ran[command]
	}
	for other := range ran {
		with := strings.Split(other, " --")
		if strings.TrimSuffix(with[0], " +") == words[0] && !slices.ContainsFunc(words[1:], func(o string) bool { return !slices.Contains(with[1:], o) }) {
			return true
		}
	}
	return false
}

func splitCommands(line string) []string {
	return regexp.MustCompile(`[|;&]+|\$\(|\)|["']`).Split(line, -1)
}

// scripted matches a line of a script that runs a program.
var scripted = regexp.MustCompile(`(?m)^(?:\[\S+\] )?(?:! )?(?:exec|status \d+) (.+)$`)

// runByScripts are the commands in testdata, by their [signature].
func runByScripts(t *testing.T) map[string]bool {
	t.Helper()
	scripts, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	ran := make(map[string]bool)
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range scripted.FindAllStringSubmatch(string(text), -1) {
			for _, line := range splitCommands(m[1]) {
				if s := signature(strings.Fields(line)); s != "" {
					ran[s] = true
				}
			}
		}
	}
	return ran
}

// addTyped adds what tests type of the pages that are typed line by line.
func addTyped(t *testing.T, ran map[string]bool) {
	t.Helper()
	for _, path := range pages(t) {
		if !typedByTests.MatchString(filepath.Base(path)) {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if command, ok := strings.CutPrefix(line, "    "); ok {
				ran[signature(strings.Fields(command))] = true
			}
		}
	}
}

// testNames are the tests of this package.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			names[m[1]] = true
		}
	}
	return names
}

// signature is a command of ours as it counts here: which one, with which options,
// and whether there is an argument; empty for any other line.
func signature(words []string) string {
	for len(words) > 0 && (words[0] == "time" || words[0] == "exec" || words[0] == "exec-once" || words[0] == "{" || strings.Contains(words[0], "=") && !strings.HasPrefix(words[0], "-")) {
		words = words[1:]
	}
	if len(words) == 0 || filepath.Base(words[0]) != "smd-applet" && !slices.Contains(linked, filepath.Base(words[0])) {
		return ""
	}
	root := newRoot()
	cmd, rest, err := root.Find(arguments(root, words))
	if err != nil || cmd == root {
		return ""
	}
	cmd.InitDefaultHelpFlag()
	options, argument := make(map[string]bool), ""
	skip := false
	for _, w := range rest {
		if skip {
			skip = false
			continue
		}
		if w == "#" {
			break
		}
		if strings.HasPrefix(w, "[") {
			continue // may be left out
		}
		w = strings.Trim(w, ".,'\"…")
		if w == "" {
			continue
		}
		flag, value := cmd.Flags().Lookup(""), false
		if name, long := strings.CutPrefix(w, "--"); long {
			name, _, value = strings.Cut(name, "=")
			flag = cmd.Flags().Lookup(name)
		} else if letters, short := strings.CutPrefix(w, "-"); short && letters != "" {
			for i, letter := range letters {
				if flag = cmd.Flags().ShorthandLookup(string(letter)); flag == nil {
					break
				}
				options[flag.Name] = true
				if flag.NoOptDefVal == "" {
					value = i < len(letters)-1
					break
				}
			}
		} else {
			argument = " +"
			continue
		}
		if flag != nil {
			options[flag.Name] = true
			skip = flag.NoOptDefVal == "" && !value
		}
	}
	s := strings.TrimPrefix(cmd.CommandPath(), "smd-applet ") + argument
	for _, name := range slices.Sorted(maps.Keys(options)) {
		s += " --" + name
	}
	return s
}
