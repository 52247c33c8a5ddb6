package watch

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"smd-applet/sync/config"
	"smd-applet/sync/synctest"
)

// told waits for a change; it is the test's own deadline that fails it.
func told(t *testing.T, changed <-chan struct{}, what string) {
	t.Helper()
	select {
	case _, ok := <-changed:
		if !ok {
			t.Fatalf("%s: the watch ended", what)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("%s went unnoticed", what)
	}
}

// drained forgets what was told about what is done.
func drained(changed <-chan struct{}) {
	for {
		select {
		case <-changed:
			continue
		default:
		}
		return
	}
}

func TestMail(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	box := synctest.OpenMailbox(root, "host")
	message, err := box.Deliver(".old")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	changed, err := (&Watcher{}).Mail(ctx, []string{root})
	if err != nil {
		t.Fatal(err)
	}
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		told(t, changed, what)
		drained(changed)
	}
	_, err = box.Deliver(".old")
	must("a delivery", err)
	message, err = box.Flag(message, "S")
	must("a flag", err)
	must("a new folder", box.AddFolder(".new"))
	_, err = box.Move(message, ".new")
	must("a message in a new folder", err)
	must("a removed folder", box.RemoveFolder(".old"))
	cancel()
	for range changed { //nolint:revive // until it is closed
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	p := config.Paths{Home: t.TempDir()}
	if err := p.Make(); err != nil {
		t.Fatal(err)
	}
	changed, err := (&Watcher{}).Config(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{p.Loop(), p.Config("work"), p.Preferences()} {
		temp := filepath.Join(p.SMD(), ".edited")
		if err := os.WriteFile(temp, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(temp, name); err != nil {
			t.Fatal(err)
		}
		told(t, changed, name)
	}
}

func TestMissingMailbox(t *testing.T) {
	t.Parallel()
	if _, err := (&Watcher{}).Mail(t.Context(), []string{filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("want an error: the timers must know that they are alone")
	}
}

// What lies beside mail is no change of mail.
func TestNoise(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"dovecot.index.log": true, "dovecot-uidlist.lock": true, "subscriptions": true, "lists": false, ".work": false} {
		if noise(name) != want {
			t.Errorf("noise(%q) = %v", name, !want)
		}
	}
}
