package desktoptest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Patience is how long a condition may take to come true. Nothing needs a tenth
// of it on a machine that is not overloaded.
const Patience = 90 * time.Second

// Needs skips the test when a program is missing, or fails it where CI is set.
func Needs(t testing.TB, programs ...string) {
	t.Helper()
	var missing []string
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if missing == nil {
		return
	}
	message := "this test needs " + strings.Join(missing, ", ") + ": run .ci/install-test-tools"
	if os.Getenv("CI") != "" {
		t.Fatal(message)
	}
	t.Skip(message)
}

// Until waits until condition holds, looking every 20 ms, and fails the test
// when it takes too long. It is for what sends no event to wait for.
func Until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	if !holdsWithin(Patience, condition) {
		t.Fatalf("waited %s in vain: %s", Patience, what)
	}
}

func holdsWithin(limit time.Duration, condition func() bool) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			return false
		case <-tick.C:
		}
	}
	return true
}
