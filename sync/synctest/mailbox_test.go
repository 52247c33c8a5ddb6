package synctest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/sync/synctest"
)

// TestMailboxChanges walks one message through everything a person can do to
// it, with a census after each step.
func TestMailboxChanges(t *testing.T) {
	t.Parallel()
	box := synctest.OpenMailbox(t.TempDir(), "laptop")
	must := func(path string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(box.Path(path)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	only := func(folder string) synctest.Message {
		t.Helper()
		c := takeCensus(t, box.Root)
		if c.Total() != 1 || len(c[folder]) != 1 {
			t.Fatalf("want one message in %s, have %v", folder, c)
		}
		return c[folder][0]
	}

	message := must(box.Deliver("."))
	delivered := only(".")
	if !delivered.New || delivered.Flags != "" {
		t.Errorf("delivered: %v", delivered)
	}
	message = must(box.Flag(message, "SR"))
	if m := only("."); m.New || m.Flags != "RS" || m.Name != delivered.Name || m.Content != delivered.Content {
		t.Errorf("flagged: %v", m)
	}
	message = must(box.Move(message, ".work"))
	if m := only(".work"); m.Name != delivered.Name || m.Flags != "RS" {
		t.Errorf("moved: %v", m)
	}
	message = must(box.Refile(message, ".work.sub"))
	if m := only(".work.sub"); m.Name == delivered.Name || m.Flags != "RS" || m.Content != delivered.Content {
		t.Errorf("refiled: %v", m)
	}
	before := read(t, box.Path(message))
	message = must(box.EditHeader(message, "X-Label", "one"))
	message = must(box.EditHeader(message, "X-Label", "two"))
	if after := read(t, box.Path(message)); after != "X-Label: two\n"+before {
		t.Errorf("header edited: %q", after)
	}
	message = must(box.EditBody(message, "short\n"))
	if after := read(t, box.Path(message)); !strings.HasPrefix(after, "X-Label: two\n") || !strings.HasSuffix(after, "\n\nshort\n") {
		t.Errorf("body edited: %q", after)
	}
	must(box.RenameFolder(".work", ".job"))
	if _, err := os.Stat(box.Path(".work.sub")); err == nil {
		t.Error("the folder below was left behind")
	}
	message = filepath.Join(".job.sub", "cur", filepath.Base(message))
	twin := must(box.Copy(message, ".job"))
	if c := takeCensus(t, box.Root); c.Total() != 2 || len(c.Contents()) != 1 {
		t.Errorf("copied: %v", c)
	}
	if err := box.Delete(message); err != nil {
		t.Fatal(err)
	}
	if m := only(".job"); m.Flags != "RS" {
		t.Errorf("copy: %v", m)
	}
	if list, err := box.Messages(".job"); err != nil || len(list) != 1 || list[0] != twin {
		t.Errorf("list: %v, %v", list, err)
	}
	if err := box.RemoveFolder(".job"); err != nil {
		t.Fatal(err)
	}
	if c := takeCensus(t, box.Root); c.Total() != 0 {
		t.Errorf("removed: %v", c)
	}
}

func TestRenameNestedFolder(t *testing.T) {
	t.Parallel()
	box := synctest.OpenMailbox(t.TempDir(), "laptop")
	if _, err := box.Deliver("a/b"); err != nil {
		t.Fatal(err)
	}
	if _, err := box.RenameFolder("a", "x/y"); err != nil {
		t.Fatal(err)
	}
	if c := takeCensus(t, box.Root); len(c["x/y/b"]) != 1 || c.Total() != 1 {
		t.Errorf("got %v", c)
	}
}

func TestDeliveriesDiffer(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, host := range []string{"laptop", "server"} {
		box := synctest.OpenMailbox(root, host)
		for range 50 {
			if _, err := box.Deliver("inbox"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if c := takeCensus(t, root); c.Total() != 100 || len(c.Contents()) != 100 {
		t.Errorf("%d messages, %d contents, want 100 of each", c.Total(), len(c.Contents()))
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
