package main_test

import (
	"crypto/sha256"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What hooks are told of a pull is exactly what became of the mailbox, also where
// both sides changed the same messages: carried out on the files as they were, the
// list makes the files as they are.
func TestListOfChangesIsExact(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	dir := filepath.Join(l.home, ".smd", "hooks", "post-pull.d")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.MkdirAll(l.local.Root, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "keep"), []byte("#!/bin/sh\ncp \"$SMD_CHANGES\" changes\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 40 {
		deliver(t, l.there)
	}
	for round := range 4 {
		if round > 0 {
			// Here the same messages, shifted: each kind of change meets others.
			l.mutate(l.there, 6)
			l.mutate(l.local, 6-round)
			l.mutate(l.there, 22)
			l.mutate(l.local, 22+round)
		}
		before := l.files()
		if out, err := l.run("smd-pull"); err != nil || out != "" {
			t.Fatalf("smd-pull: %v: %s", err, out)
		}
		list, err := os.ReadFile(filepath.Join(l.home, "changes"))
		if err != nil {
			t.Fatal(err)
		}
		carryOut(t, before, string(list))
		after := l.files()
		if !maps.EqualFunc(before, after, func(a, b string) bool { return a == b || a == fresh }) {
			t.Errorf("round %d: the list\n%s\nmakes\n%q\nand there is\n%q", round, list, before, after)
		}
		if out, err := l.run("smd-push"); err != nil || out != "" {
			t.Fatalf("smd-push: %v: %s", err, out)
		}
	}
}

// fresh stands for a content that the list of changes does not tell.
const fresh = "fresh"

// files are the digests of the local messages, by path.
func (l *laptop) files() map[string]string {
	l.t.Helper()
	all, err := l.local.Messages("")
	if err != nil {
		l.t.Fatal(err)
	}
	files := make(map[string]string)
	for _, name := range all {
		path := l.local.Path(name)
		content, err := os.ReadFile(path)
		if err != nil {
			l.t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		files[path] = string(sum[:])
	}
	return files
}

// carryOut carries out a list of changes on files.
func carryOut(t *testing.T, files map[string]string, list string) {
	t.Helper()
	for line := range strings.Lines(list) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		_, there := files[fields[1]]
		switch {
		case fields[0] == "added" && len(fields) == 2:
			files[fields[1]] = fresh
		case fields[0] == "removed" && len(fields) == 2 && there:
			delete(files, fields[1])
		case (fields[0] == "moved" || fields[0] == "flagged") && len(fields) == 3 && there:
			files[fields[2]] = files[fields[1]]
			delete(files, fields[1])
		default:
			t.Errorf("there is no such thing to do as %q in\n%s", line, list)
		}
	}
}
