package autostart

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/desktoptest"
)

func testEntry(t *testing.T, program string) Entry {
	t.Helper()
	dir := t.TempDir()
	e := Entry{
		ConfigHome: filepath.Join(dir, "config"),
		ConfigDirs: []string{filepath.Join(dir, "etc")},
		Exec:       filepath.Join(dir, program),
	}
	writeFile(t, e.Exec, "#!/bin/sh\n", 0o755)
	return e
}

func writeFile(t *testing.T, path, content string, perm os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), perm); err != nil {
		t.Fatal(err)
	}
}

func wantEnabled(t *testing.T, e Entry, want bool) {
	t.Helper()
	got, err := e.Enabled()
	if err != nil || got != want {
		t.Errorf("enabled: %v, %v; want %v", got, err, want)
	}
}

func set(t *testing.T, e Entry, on bool) {
	t.Helper()
	if err := e.Set(on); err != nil {
		t.Fatal(err)
	}
}

func TestOnAndOff(t *testing.T) {
	t.Parallel()
	e := testEntry(t, "smd-applet")
	wantEnabled(t, e, false)
	set(t, e, true)
	wantEnabled(t, e, true)
	set(t, e, true)
	set(t, e, false)
	wantEnabled(t, e, false)
	if _, err := os.Stat(e.path()); !os.IsNotExist(err) {
		t.Errorf("off left the entry behind: %v", err)
	}
	set(t, e, false)
}

func TestOffHidesTheSystemEntry(t *testing.T) {
	t.Parallel()
	e := testEntry(t, "smd-applet")
	writeFile(t, e.systemPaths()[0], "[Desktop Entry]\nExec=smd-applet\n", 0o644)
	wantEnabled(t, e, true)
	set(t, e, false)
	wantEnabled(t, e, false)
	set(t, e, true)
	wantEnabled(t, e, true)
}

func TestEnabledReadsWhatOthersWrote(t *testing.T) {
	t.Parallel()
	const head = "[Desktop Entry]\nType=Application\nExec=smd-applet\n"
	for name, tc := range map[string]struct {
		content string
		want    bool
	}{
		"plain":                   {head, true},
		"hidden":                  {head + "Hidden=true\n", false},
		"hidden, with spaces":     {head + "Hidden = true \n", false},
		"not hidden":              {head + "Hidden=false\n", true},
		"switched off in GNOME":   {head + "X-GNOME-Autostart-enabled=false\n", false},
		"program is gone":         {head + "TryExec=/nonexistent/smd-applet\n", false},
		"program is there":        {head + "TryExec=/bin/sh\n", true},
		"program in the PATH":     {head + "TryExec=sh\n", true},
		"hidden in another group": {head + "[Desktop Action x]\nHidden=true\n", true},
		"hidden in a comment":     {head + "# Hidden=true\n", true},
		"empty":                   {"", false},
		"an empty line":           {"\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := testEntry(t, "smd-applet")
			writeFile(t, e.path(), tc.content, 0o644)
			wantEnabled(t, e, tc.want)
		})
	}
}

func TestWrittenEntryIsValid(t *testing.T) {
	t.Parallel()
	desktoptest.Needs(t, "desktop-file-validate")
	for _, program := range []string{"smd-applet", "smd applet", "100% $HOME", `a"b\c`, "it's `here`;"} {
		e := testEntry(t, program)
		set(t, e, true)
		wantEnabled(t, e, true)
		if out, err := exec.CommandContext(t.Context(), "desktop-file-validate", e.path()).CombinedOutput(); err != nil || len(out) > 0 {
			content, _ := os.ReadFile(e.path())
			t.Errorf("%s: %v\n%s%s", program, err, out, content)
		}
	}
}

func TestExecLine(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"/usr/bin/smd-applet": `/usr/bin/smd-applet`,
		"/a b/c":              `"/a b/c"`,
		"/50%/c":              `/50%%/c`,
		`/$HOME/c`:            `"/\\$HOME/c"`,
		`/a\b`:                `"/a\\\\b"`,
		`/a"b`:                `"/a\\"b"`,
	} {
		if got := escape(quoteArgument(arg)); got != want {
			t.Errorf("%s: got %s, want %s", arg, got, want)
		}
	}
}

func TestEscapingRoundTrips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.String().Draw(t, "value")
		escaped := escape(value)
		if strings.ContainsAny(escaped, "\n\r\t") {
			t.Fatalf("%q has a control character", escaped)
		}
		if back := unescape(escaped); back != value {
			t.Fatalf("%q became %q", value, back)
		}
	})
}

func TestForUserFollowsTheEnvironment(t *testing.T) {
	for name, tc := range map[string]struct {
		configHome, configDirs string
		wantHome               string
		wantDirs               []string
	}{
		"nothing set":       {"", "", "/home/me/.config", []string{"/etc/xdg"}},
		"both set":          {"/conf", "/a:/b", "/conf", []string{"/a", "/b"}},
		"relative: ignored": {"conf", "a", "/home/me/.config", []string{"/etc/xdg"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HOME", "/home/me")
			t.Setenv("XDG_CONFIG_HOME", tc.configHome)
			t.Setenv("XDG_CONFIG_DIRS", tc.configDirs)
			e, err := ForUser()
			if err != nil {
				t.Fatal(err)
			}
			if e.ConfigHome != tc.wantHome || !slices.Equal(e.ConfigDirs, tc.wantDirs) || !filepath.IsAbs(e.Exec) {
				t.Errorf("got %+v", e)
			}
		})
	}
}
