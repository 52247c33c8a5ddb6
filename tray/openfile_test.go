package tray

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/desktoptest"
)

// programs makes a PATH with only these shell scripts in it.
func programs(t *testing.T, scripts map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

func TestOpenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a log")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const record = `echo "${0##*/} $*" > "$SHOWN"`
	for name, tc := range map[string]struct {
		scripts map[string]string
		visual  string
		want    string // what was started; empty: an error
	}{
		"xdg-open":            {map[string]string{"xdg-open": record, "gio": record}, "editor", "xdg-open " + file},
		"xdg-open is missing": {map[string]string{"gio": record}, "", "gio open " + file},
		"xdg-open fails":      {map[string]string{"xdg-open": "exit 3", "editor": record}, "editor --wait", "editor --wait " + file},
		"nothing works":       {map[string]string{"xdg-open": "exit 3"}, "no-such-editor", ""},
	} {
		t.Run(name, func(t *testing.T) {
			programs(t, tc.scripts)
			shown := filepath.Join(t.TempDir(), "shown")
			t.Setenv("SHOWN", shown)
			t.Setenv("VISUAL", tc.visual)
			err := OpenFile(t.Context(), file)
			if (err != nil) != (tc.want == "") {
				t.Fatalf("error %v", err)
			}
			got, _ := os.ReadFile(shown) // there is none after a failure
			if strings.TrimSpace(string(got)) != tc.want {
				t.Errorf("started %q, want %q", got, tc.want)
			}
		})
	}
	if err := OpenFile(t.Context(), file+".none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestOpenFileLeavesTheViewerRunning(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "log")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	started, goOn, done := filepath.Join(dir, "started"), filepath.Join(dir, "go-on"), filepath.Join(dir, "done")
	t.Setenv("DIR", dir)
	programs(t, map[string]string{"xdg-open": `: > "$DIR/started"; while [ ! -e "$DIR/go-on" ]; do /bin/sleep 0.02; done; : > "$DIR/done"`})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- OpenFile(ctx, file) }()
	desktoptest.Until(t, "the viewer starts", exists(started))
	cancel()
	if err := <-result; err != nil {
		t.Errorf("the viewer was started, and yet: %v", err)
	}
	if err := os.WriteFile(goOn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	desktoptest.Until(t, "the viewer goes on", exists(done))
}

func exists(path string) func() bool {
	return func() bool {
		_, err := os.Stat(path)
		return err == nil
	}
}
