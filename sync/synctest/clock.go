package synctest

import (
	"os"
	"path/filepath"
	"time"
)

// Tick waits for the clock of dir's file system to go on: what is written there from
// then on is younger than all that is there.
func Tick(t TB, dir string) {
	t.Helper()
	name := filepath.Join(dir, "tick")
	written := func() time.Time {
		err := os.WriteFile(name, nil, 0o600)
		st, statErr := os.Stat(name)
		if err != nil || statErr != nil {
			t.Fatalf("%v, %v", err, statErr)
		}
		return st.ModTime()
	}
	for first := written(); !written().After(first); {
	}
	if err := os.Remove(name); err != nil {
		t.Fatalf("%v", err)
	}
}
