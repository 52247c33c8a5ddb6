package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// declared are the tests of the tree, by name, with the directories they are in.
func declared(t *testing.T) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range function.FindAllSubmatch(b, -1) {
			name := string(m[1])
			all[name] = append(all[name], strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A row, or a claim of docs/security.md, whose test is gone or renamed says nothing.
func TestNamesAreThere(t *testing.T) {
	t.Parallel()
	all := declared(t)
	for _, c := range chapters {
		for _, r := range c.rows {
			name, _, _ := strings.Cut(r.test, "/")
			found := false
			for _, dir := range all[name] {
				found = found || dir == r.pkg
			}
			if !found {
				t.Errorf("%s: %s has no %s", r.what, r.pkg, name)
			}
		}
	}
	text, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(text), -1) {
		if len(all[name[1]]) == 0 {
			t.Errorf("docs/security.md names %s, which is nowhere", name[1])
		}
	}
}
