package config_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

// TestPaths has SMD's names (spec, §1 and §7): people's scripts know them.
func TestPaths(t *testing.T) {
	t.Parallel()
	p := config.Paths{Home: "/home/me"}
	for got, want := range map[string]string{
		p.SMD():                    "/home/me/.smd",
		p.Config("work"):           "/home/me/.smd/config.work",
		p.Loop():                   "/home/me/.smd/loop",
		p.LogDir():                 "/home/me/.smd/log",
		p.ClientLog("work"):        "/home/me/.smd/log/client.work.log",
		p.ServerLog("work"):        "/home/me/.smd/log/server.work.log",
		p.LoopLog():                "/home/me/.smd/log/loop.log",
		p.HooksDir("pre", "pull"):  "/home/me/.smd/hooks/pre-pull.d",
		p.HooksDir("post", "push"): "/home/me/.smd/hooks/post-push.d",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestDefaultPaths is not parallel: it changes the environment.
func TestDefaultPaths(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	if p, err := config.DefaultPaths(); err != nil || p.Home != "/home/me" {
		t.Errorf("%v, %v", p, err)
	}
	t.Setenv("HOME", "")
	if p, err := config.DefaultPaths(); !fault.Is(err, fault.Config) {
		t.Errorf("without $HOME: %v, %v; want a failure of kind %s", p, err, fault.Config)
	}
}

func TestMakeIsTheUsersAlone(t *testing.T) {
	t.Parallel()
	p := config.Paths{Home: t.TempDir()}
	for range 2 { // making what is there is fine
		if err := p.Make(); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{p.SMD(), p.LogDir()} {
		if st, err := os.Stat(dir); err != nil || st.Mode() != fs.ModeDir|0o700 {
			t.Errorf("%s: %v, %v", dir, st, err)
		}
	}
}

func TestMakeFails(t *testing.T) {
	t.Parallel()
	p := config.Paths{Home: t.TempDir()}
	if err := os.WriteFile(p.SMD(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Make(); !fault.Is(err, fault.Permission) || !strings.Contains(err.Error(), p.SMD()) {
		t.Errorf("%v, want a failure of kind %s about %s", err, fault.Permission, p.SMD())
	}
}

func TestCheckEndpoint(t *testing.T) {
	t.Parallel()
	for name, good := range map[string]bool{
		"default":               true,
		"work":                  true,
		"me@box.example.org":    true,
		"a..b":                  true,
		"_":                     true,
		"+1-2":                  true,
		strings.Repeat("x", 64): true,
		strings.Repeat("x", 65): false,
		"":                      false,
		".":                     false,
		"..":                    false,
		"../config":             false,
		"a/b":                   false,
		"-v":                    false,
		"a b":                   false,
		"work\n":                false,
		"work~":                 false,
		"café":                  false,
		"a\x00":                 false,
	} {
		err := config.CheckEndpoint(name)
		if (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
		if err != nil && (!fault.Is(err, fault.Config) || fault.As(err).Path != name) {
			t.Errorf("%q: %#v, want a failure of kind %s about it", name, err, fault.Config)
		}
	}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	p := config.Paths{Home: t.TempDir()}
	if got, err := config.Endpoints(p); err != nil || len(got) != 0 {
		t.Errorf("of an empty home: %q, %v", got, err)
	}
	if err := p.Make(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{
		"config.work", "config.home", "config.default", "loop", "config", "configuration",
		// What an editor, or a script, leaves beside it is no endpoint.
		"config.work~", "config.#work#", "config..work.swp", "config.",
	} {
		if err := os.WriteFile(filepath.Join(p.SMD(), file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(p.SMD(), "config.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("missing", filepath.Join(p.SMD(), "config.gone")); err != nil {
		t.Fatal(err)
	}
	// A configuration may be kept elsewhere, with one's other dot-files.
	if err := os.Symlink("config.work", filepath.Join(p.SMD(), "config.linked")); err != nil {
		t.Fatal(err)
	}
	got, err := config.Endpoints(p)
	if want := []string{"default", "home", "linked", "work"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}
