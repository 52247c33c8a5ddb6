package notmuch_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"smd-applet/sync/notmuch"
	"smd-applet/sync/synctest"
)

func TestOutside(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("notmuch"); err != nil {
		synctest.Missing(t, "notmuch", "notmuch")
	}
	home := t.TempDir()
	for _, dir := range []string{"Mail/ignored", "Mailbox"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	config := "[database]\npath=" + home + "/Mail\n[new]\nignore=ignored\n"
	if err := os.WriteFile(filepath.Join(home, ".notmuch-config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	in := func(dirs ...string) (paths []string) {
		for _, d := range dirs {
			paths = append(paths, filepath.Join(home, d))
		}
		return paths
	}
	outside, root, err := notmuch.Outside(t.Context(), home, in("Mail", "Mail/sub", "Mail/ignored", "Mailbox", "New"))
	if err != nil || root != home+"/Mail" || !slices.Equal(outside, in("Mail/ignored", "Mailbox", "New")) {
		t.Errorf("%q, %q, %v", outside, root, err)
	}
}
