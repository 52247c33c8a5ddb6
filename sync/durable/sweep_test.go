package durable_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"smd-applet/sync/durable"
)

// Only what was to become that file goes, and the file itself stays.
func TestSweep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"state", ".state.tmp-1", ".state.tmp-22", ".state.new.tmp-1", "state.tmp-1"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := durable.Sweep(filepath.Join(dir, "state")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{".state.new.tmp-1", "state", "state.tmp-1"}; !slices.Equal(left, want) {
		t.Errorf("left %q, not %q", left, want)
	}
}

func TestMkdirAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b", "c")
	for range 2 {
		if err := durable.MkdirAll(deep, 0o700); err != nil {
			t.Fatal(err)
		}
		if st, err := os.Stat(deep); err != nil || st.Mode().Perm() != 0o700 {
			t.Fatal(st, err)
		}
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{file, filepath.Join(file, "below")} {
		if err := durable.MkdirAll(d, 0o700); err == nil {
			t.Errorf("%s was made", d)
		}
	}
}
