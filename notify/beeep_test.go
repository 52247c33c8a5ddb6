//go:build nodbus && linux

package notify

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFallbackRunsNotifySend is not parallel: it changes PATH.
func TestFallbackRunsNotifySend(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	p := Popup{Title: "work: the disk is full", Body: "Free some <space>"}
	f := newFallback(nil)
	if _, err := f.Show(t.Context(), p); err == nil {
		t.Error("shown without notify-send and kdialog")
	}

	program, said := filepath.Join(dir, "notify-send"), filepath.Join(dir, "said")
	write(t, program, "#!/bin/sh\nprintf '%s|' \"$@\" >"+said+"\n")
	if err := os.Chmod(program, 0o700); err != nil {
		t.Fatal(err)
	}
	id, err := f.Show(t.Context(), p)
	if err != nil || id != 0 {
		t.Fatalf("id %d, error %v", id, err)
	}
	got, err := os.ReadFile(said)
	if err != nil {
		t.Fatal(err)
	}
	if want := "work: the disk is full|Free some <space>|-a|smd-applet|-i|smd-applet|"; !strings.HasPrefix(string(got), want) {
		t.Errorf("got %s, want %s…", got, want)
	}
	if err := f.Withdraw(id); err != nil {
		t.Error(err)
	}
}
