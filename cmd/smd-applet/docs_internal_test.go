package main

import (
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
