package apply_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"smd-applet/sync/apply"
	"smd-applet/sync/serve"
	"smd-applet/sync/synctest"
)

// A run fails between listing what it is about to put in place and doing so. Another
// message of the same content that this end had before is not that one, moved: both
// stay.
func TestListedButNotPlaced(t *testing.T) {
	t.Parallel()
	client, server := newEnd(t, "client"), newEnd(t, "server")
	letter := []byte("Subject: twice\n\nto both\n")
	for _, e := range []*end{client, server} {
		if _, err := e.box.DeliverContent(".", letter); err != nil {
			t.Fatal(err)
		}
	}

	synctest.Tick(t, client.home)

	into := filepath.Join(client.box.Root, "new")
	aside := into + ".aside"
	_, _, _, err := send(t, server, client, func(_ *serve.Options, o *apply.Options) {
		o.Progress = func(s apply.Step) { // the message lies in tmp
			if s.Phase == apply.Transfer && s.Bytes > 0 {
				if err := errors.Join(os.Rename(into, aside), os.WriteFile(into, nil, 0o600)); err != nil {
					t.Error(err)
				}
			}
		}
	})
	if !errors.Is(err, syscall.ENOTDIR) {
		t.Fatalf("it ended with %v, want that it can't be put in place", err)
	}
	if _, err := os.Stat(client.files().Placed()); err != nil {
		t.Fatalf("it was not listed: %v", err)
	}
	if err := errors.Join(os.Remove(into), os.Rename(aside, into)); err != nil {
		t.Fatal(err)
	}

	if d := together(t, server, client); d != "" {
		t.Errorf("the ends differ: %s", d)
	}
	if n := client.census().Total(); n != 2 {
		t.Errorf("there are %d messages, want both", n)
	}
	if _, err := os.Stat(client.files().Placed()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the list stays: %v", err)
	}
}
