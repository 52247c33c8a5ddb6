//go:build unix

package synctest_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/sync/synctest"
)

func TestBuildBinary(t *testing.T) {
	t.Parallel()
	dir := synctest.BuildBinary(t)
	if again := synctest.BuildBinary(t); again != dir {
		t.Errorf("built twice, %s and %s", dir, again)
	}
	version := exec.Command(filepath.Join(dir, "smd-applet"), "version")
	version.Env = []string{"HOME=" + t.TempDir()}
	out, err := version.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "smd-applet") {
		t.Errorf("smd-applet version: %q, %v", out, err)
	}
	for _, name := range []string{"smd-pull", "smd-server", "mddiff"} {
		if target, err := filepath.EvalSymlinks(filepath.Join(dir, name)); err != nil || filepath.Base(target) != "smd-applet" {
			t.Errorf("%s leads to %q, %v", name, target, err)
		}
	}
}
