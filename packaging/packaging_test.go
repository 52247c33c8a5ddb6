package packaging_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"smd-applet/desktoptest"
	"smd-applet/packaging"
)

func TestDesktopEntriesAreValid(t *testing.T) {
	t.Parallel()
	desktoptest.Needs(t, "desktop-file-validate")
	for _, pattern := range []string{"desktop/*.desktop", "autostart/*.desktop"} {
		entries, err := filepath.Glob(pattern)
		if err != nil || len(entries) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		for _, entry := range entries {
			if out, err := exec.CommandContext(t.Context(), "desktop-file-validate", entry).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s: %v\n%s", entry, err, out)
			}
		}
	}
}

func TestAutostartIsOn(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"X-GNOME-Autostart-enabled=true\n", "Exec=smd-applet\n"} {
		if !bytes.Contains(packaging.Autostart, []byte(line)) {
			t.Errorf("the autostart entry lacks %q", line)
		}
	}
}
