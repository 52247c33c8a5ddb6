package sync

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestRunLog: a log says what its run said, whatever the one before it did, and
// whatever became of its file; and its time is that of the run.
func TestRunLog(t *testing.T) {
	t.Parallel()
	var logs runLogs
	path := filepath.Join(t.TempDir(), "client.log")
	old := time.Now().Add(-time.Hour)
	run := func(said, end string) {
		t.Helper()
		l, err := logs.rewrite(path)
		if err != nil {
			t.Fatal(err)
		}
		if said != "" {
			fmt.Fprint(l, said)
		}
		l.end(end)
		fmt.Fprint(l, "too late")
		got, err := os.ReadFile(path)
		if err != nil || string(got) != said+end {
			t.Errorf("it says %q, %v; want %q", got, err, said+end)
		}
		if st, err := os.Stat(path); err != nil || st.ModTime().Before(old.Add(time.Minute)) {
			t.Errorf("its time is of an earlier run: %v", err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	run("", "ok\n")
	run("", "ok\n")
	run("", "no\n")
	run("a hook says\n", "ok\n")
	run("", "ok\n")
	run("", "")
	run("", "")
	run("", "ok\n")
	must(os.Remove(path))
	run("", "ok\n")
	must(os.WriteFile(path, []byte("by another"), 0o600))
	run("", "ok\n")
	must(os.Chtimes(path, old, old))
	run("", "ok\n")

	// While it says nothing new, nothing is written.
	l, err := logs.rewrite(path)
	must(err)
	if l.file != nil {
		t.Error("it was opened")
	}
	must(os.Remove(path))
	l.end("ok\n")
	if got, err := os.ReadFile(path); err != nil || string(got) != "ok\n" {
		t.Errorf("of a file that went meanwhile there is %q, %v", got, err)
	}
}
