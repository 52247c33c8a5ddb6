//go:build linux

package exclude_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/exclude"
	"smd-applet/sync/synctest"
)

// fnmatchSource answers pairs of lines, a glob and a folder, with 1 where
// fnmatch(3) matches.
const fnmatchSource = `
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
int main(void) {
	char glob[256], folder[256];
	while (fgets(glob, sizeof glob, stdin) && fgets(folder, sizeof folder, stdin)) {
		glob[strcspn(glob, "\n")] = folder[strcspn(folder, "\n")] = 0;
		puts(fnmatch(glob, folder, 0) == 0 ? "1" : "0");
	}
	return 0;
}
`

// TestMatchIsTheSystems compares with the C library's fnmatch(3), which is what
// syncmaildir uses.
func TestMatchIsTheSystems(t *testing.T) {
	t.Parallel()
	cc, err := exec.LookPath("cc")
	if err != nil {
		synctest.Missing(t, "cc", "gcc libc6-dev")
	}
	dir := t.TempDir()
	source, program := filepath.Join(dir, "fnmatch.c"), filepath.Join(dir, "fnmatch")
	if err := os.WriteFile(source, []byte(fnmatchSource), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(cc, "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("compile: %v\n%s", err, out)
	}

	// Globs that match often: a folder, with some of its characters made special.
	special := rapid.SampledFrom([]string{"*", "?", "[ab]", "[!a]", "[^a]", "[a-c]", "[]/]", "[.-]", `\a`, `\*`, "[", "]", "a", "/", ".", "&"})
	glob := rapid.Custom(func(t *rapid.T) string {
		s := "M"
		for range rapid.IntRange(0, 5).Draw(t, "length") {
			s += special.Draw(t, "part")
		}
		return s + "x"
	})
	folder := rapid.StringMatching(`M[abc./&*\]\[-]{0,6}x`)
	var globs, folders []string
	for i := range 4000 {
		globs, folders = append(globs, glob.Example(i)), append(folders, folder.Example(i/2))
	}
	var in bytes.Buffer
	for i := range globs {
		fmt.Fprintf(&in, "%s\n%s\n", globs[i], folders[i])
	}
	cmd := exec.Command(program)
	cmd.Stdin = &in
	out, err := cmd.Output()
	answers := bytes.Fields(out)
	if err != nil || len(answers) != len(globs) {
		t.Fatalf("%d answers to %d questions: %v", len(answers), len(globs), err)
	}
	matched := 0
	for i := range globs {
		m, err := exclude.New(globs[i : i+1])
		if err != nil {
			continue // refused aloud, as "[[.-]" is: nobody means it
		}
		want := string(answers[i]) == "1"
		if want {
			matched++
		}
		if got := m.Match(folders[i]); got != want {
			t.Errorf("%q on %q: %v, want %v", globs[i], folders[i], got, want)
		}
	}
	if matched < 100 {
		t.Errorf("only %d of %d match: this shows nothing", matched, len(globs))
	}
}
