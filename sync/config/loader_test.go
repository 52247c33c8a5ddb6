package config_test

import (
	"os"
	"testing"
	"time"

	"smd-applet/sync/config"
)

// TestLoader: a configuration is read again when its file changed, and each time when
// it may say something else each time.
func TestLoader(t *testing.T) {
	t.Parallel()
	old := time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		script string
		kept   bool
	}{
		"plain":                 {minimal + "# a comment\nEXCLUDE=\"$MAILBOX/a ${HOME}/b\" DEBUG='true'\n", true},
		"a command":             {minimal + "CLIENTNAME=$(echo a)\n", false},
		"a command in quotes":   {minimal + "CLIENTNAME=\"a`echo b`\"\n", false},
		"a command, by default": {minimal + "CLIENTNAME=${CLIENTNAME:-$(echo a)}\n", false},
		"a choice":              {minimal + "[ -f x ] && DEBUG=true\n", false},
		"another file":          {minimal + ". /dev/null\n", false},
		"chance":                {minimal + "CLIENTNAME=a$RANDOM\n", false},
		"a function":            {minimal + "f() { DEBUG=true; }\n", false},
		"a redirection":         {minimal + "DEBUG=true >/dev/null\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := write(t, c.script)
			if err := os.Chtimes(p.Config("work"), old, old); err != nil {
				t.Fatal(err)
			}
			var l config.Loader
			load := func() *config.Endpoint {
				t.Helper()
				e, err := l.Load(t.Context(), p, "work")
				if err != nil {
					t.Fatal(err)
				}
				return e
			}
			first := load()
			if kept := load() == first; kept != c.kept {
				t.Errorf("kept: %v, want %v", kept, c.kept)
			}
			if err := os.RemoveAll(p.LogDir()); err != nil {
				t.Fatal(err)
			}
			load()
			if _, err := os.Stat(p.LogDir()); err != nil {
				t.Errorf("the folder of the logs is not made again: %v", err)
			}
			if err := os.WriteFile(p.Config("work"), []byte("SERVERNAME=new\nCLIENTNAME=other\nMAILBOX=Mail\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if e := load(); e.ServerName != "new" {
				t.Errorf("SERVERNAME=%s after the file changed", e.ServerName)
			}
			// A moment after a change another one may not show in the file's times.
			if err := os.WriteFile(p.Config("work"), []byte("SERVERNAME=now\nCLIENTNAME=other\nMAILBOX=Mail\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if e := load(); e.ServerName != "now" {
				t.Errorf("SERVERNAME=%s after the file changed again", e.ServerName)
			}
			if again := load(); again == load() {
				t.Error("a file that was just written to is taken for known")
			}
			if err := os.Remove(p.Config("work")); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Load(t.Context(), p, "work"); err == nil {
				t.Error("no failure without a file")
			}
		})
	}
}
