package watch

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	stdsync "sync"
	"syscall"
	"testing"
	"time"

	"smd-applet/sync/synctest"
)

// fewWatches is set for the test that runs where the system has hardly any.
const fewWatches = "WATCH_TEST_FEW"

// A user name space has a limit of its own of inotify watches.
const limitFile = "/proc/sys/user/max_inotify_watches"

// TestNoWatchesLeft runs the tests of its name in a user name space in which they
// may set the real limit of watches.
func TestNoWatchesLeft(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^TestFewWatches$", "-test.v")
	cmd.Env = append(os.Environ(), fewWatches+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Skipf("no user name spaces here: %v", err)
	}
	err = cmd.Wait()
	if strings.Contains(said.String(), noLimit) {
		t.Skip(noLimit)
	}
	if err != nil || !strings.Contains(said.String(), "--- PASS: TestFewWatches") {
		t.Errorf("%v: %s", err, said.String())
	}
}

const noLimit = "no limit can be set here"

// setWatches sets how many watches there may be.
func setWatches(t *testing.T, n int) {
	t.Helper()
	if err := os.WriteFile(limitFile, fmt.Appendln(nil, n), 0); err != nil {
		t.Skipf("%s: %v", noLimit, err)
	}
}

// said is a log that a test reads.
type said struct {
	mu   stdsync.Mutex
	text bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) count(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.text.String(), what)
}

func TestFewWatches(t *testing.T) {
	if os.Getenv(fewWatches) == "" {
		t.Skip("TestNoWatchesLeft runs it")
	}
	const every = 10 * time.Millisecond
	home := t.TempDir()
	box := synctest.OpenMailbox(filepath.Join(home, "Mail"), "host")
	deliver := func(folder string) {
		t.Helper()
		if _, err := box.Deliver(folder); err != nil {
			t.Fatal(err)
		}
	}
	deliver(".")
	// Mail, its cur and new.
	const needed = 3
	log := &said{}
	open := func() *Tree {
		t.Helper()
		tree, err := openTree(t.Context(), home, []string{"Mail"}, nil, slog.New(slog.NewTextHandler(log, nil)), every)
		if err != nil {
			t.Fatal(err)
		}
		tree.Take()
		return tree
	}
	// tells waits until the tree tells of a folder, or says that anything may have changed.
	tells := func(tree *Tree, what, folder string) {
		t.Helper()
		for {
			told(t, tree.Changed(), what)
			_, folders, all := tree.Take()
			for _, f := range folders {
				if f == folder {
					return
				}
			}
			if all && folder == "" {
				return
			}
		}
	}
	const words = "changes are not told as they happen"

	setWatches(t, needed-1)
	tree := open()
	if tree.Live() || log.count(words) != 1 {
		t.Errorf("with too few watches it is live (%t), and says: %s", tree.Live(), log.text.String())
	}
	deliver(".")
	tells(tree, "a delivery", "Mail")
	deliver(".work")
	tells(tree, "a new folder", "")
	deliver(".work")
	tells(tree, "a delivery in it", "Mail/.work")

	if err := box.RemoveFolder(".work"); err != nil {
		t.Fatal(err)
	}
	setWatches(t, needed)
	tree = open()
	if !tree.Live() {
		t.Fatalf("with enough watches it is not live: %s", log.text.String())
	}
	deliver(".late")
	tells(tree, "a new folder", "")
	if tree.Live() || log.count(words) != 2 {
		t.Errorf("with none left for a new folder it is live (%t), and says: %s", tree.Live(), log.text.String())
	}
	deliver(".late")
	tells(tree, "a delivery in the new folder", "Mail/.late")
	deliver(".")
	tells(tree, "a delivery in the old one", "Mail")
}

// However much changes while nobody asks, little is remembered.
func TestTreeForgets(t *testing.T) {
	t.Parallel()
	tree := &Tree{files: make(map[string]bool), folders: make(map[string]bool)}
	for i := range 10 * maxPaths {
		tree.noteFile(fmt.Sprintf("Mail/cur/%d", i))
		if len(tree.files) > maxPaths {
			t.Fatalf("%d names are remembered", len(tree.files))
		}
	}
	if _, _, all := tree.Take(); !all {
		t.Error("want to be asked to look at everything")
	}
	tree.noteFile("Mail/cur/1")
	if files, _, all := tree.Take(); all || len(files) != 1 {
		t.Errorf("afterwards %d names, all is %t", len(files), all)
	}
}
