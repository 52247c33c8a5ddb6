package config_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"smd-applet/sync/config"
)

// TestEvaluate: a configuration is a shell script, and people use that.
func TestEvaluate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ script, client string }{
		"comments":                {"# CLIENTNAME=x\n" + minimal + "CLIENTNAME=a # the laptop\n", "a"},
		"quotes":                  {minimal + `CLIENTNAME="a"'b'c` + "\n", "abc"},
		"one variable in another": {minimal + "CLIENTNAME=${SERVERNAME}-$MAILBOX\n", "box-Mail"},
		"one of its own":          {minimal + "me=a\nCLIENTNAME=$me\n", "a"},
		"a default":               {minimal + "CLIENTNAME=${NOBODY_SET_THIS:-a}\n", "a"},
		"a command":               {minimal + "CLIENTNAME=$(printf %s a)-b\n", "a-b"},
		"a command, backquoted":   {minimal + "CLIENTNAME=`echo a`\n", "a"},
		"a choice":                {minimal + "if [ \"$SERVERNAME\" = box ]; then CLIENTNAME=a; else CLIENTNAME=b; fi\n", "a"},
		"exported":                {"export SERVERNAME=box CLIENTNAME=a MAILBOX=Mail\n", "a"},
		"the last one counts":     {minimal + "CLIENTNAME=a\nCLIENTNAME=b\n", "b"},
		"several on a line":       {"SERVERNAME=box; CLIENTNAME=a; MAILBOX=Mail", "a"},
		"a line continued":        {minimal + "CLIENTNAME=a\\\nb\n", "ab"},
		"a file of its own":       {". .smd/common\n", "common"},
		"by its whole path":       {". \"$HOME/.smd/common\"\n", "common"},
		"it ends early":           {minimal + "exit\nCLIENTNAME=late\n", "laptop"},
		// What it prints or asks for concerns nobody.
		"chatty": {minimal + "echo hello; echo oops >&2; read CLIENTNAME; CLIENTNAME=a$CLIENTNAME\n", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := write(t, c.script)
			common := filepath.Join(p.SMD(), "common")
			if err := os.WriteFile(common, []byte(minimal+"CLIENTNAME=common\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			e, err := config.Load(t.Context(), p, "work")
			if err != nil {
				t.Fatal(err)
			}
			if e.ClientName != c.client {
				t.Errorf("CLIENTNAME=%q, want %q", e.ClientName, c.client)
			}
		})
	}
}

func TestEvaluateFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		want   []string
	}{
		"a quote left open":     {minimal + "EXCLUDE=\"Mail/a\n", []string{":4:9:", "quote"}},
		"a bracket left open":   {minimal + "\nEXCLUDE=$(echo Mail/a\n", []string{":5:"}},
		"blanks around the =":   {minimal + "DEBUG = true\n", []string{`"DEBUG"`, "not found"}},
		"a missing command":     {minimal + "EXCLUDE=$(no-such-command-anywhere)\n", []string{"no-such-command-anywhere"}},
		"a missing file":        {minimal + ". .smd/no-such-file\n", []string{"no-such-file"}},
		"its own words":         {minimal + ": ${NOBODY_SET_THIS?name the server}\n", []string{"name the server"}},
		"an unset one, checked": {"set -u\n" + minimal + "EXCLUDE=$NOBODY_SET_THIS\n", []string{"NOBODY_SET_THIS"}},
		"it gives up":           {minimal + "echo no network here >&2\nexit 3\n", []string{"no network here", "3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := write(t, c.script)
			_, err := config.Load(t.Context(), p, "work")
			checkEdit(t, err, p.Config("work"), c.want...)
		})
	}
}

// TestEvaluateEnds: a script that hangs does not hang the run.
func TestEvaluateEnds(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"in itself":    "while :; do :; done\n",
		"in a command": "CLIENTNAME=$(sleep 60)\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := write(t, minimal+script)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := config.Load(ctx, p, "work")
			checkEdit(t, err, p.Config("work"))
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, want %v", err, context.DeadlineExceeded)
			}
		})
	}
}

// TestEvaluateEnvironment: a setting comes from the file alone, whatever else
// may come from the environment. Not parallel: it changes the environment.
func TestEvaluateEnvironment(t *testing.T) {
	t.Setenv("MACHINE", "laptop")
	t.Setenv("MAILBOX", "Elsewhere")
	t.Setenv("HOME", "/nowhere")
	p := write(t, "SERVERNAME=box\nCLIENTNAME=$MACHINE${MAILBOX}\nREMOTE_PROGRAM=$HOME\nMAILBOX=Mail\n")
	e, err := config.Load(t.Context(), p, "work")
	if err != nil {
		t.Fatal(err)
	}
	if e.ClientName != "laptop" || e.RemoteProgram != p.Home {
		t.Errorf("CLIENTNAME=%q, $HOME is %q; want laptop and %q", e.ClientName, e.RemoteProgram, p.Home)
	}
	p = write(t, "SERVERNAME=box\nCLIENTNAME=laptop\n")
	_, err = config.Load(t.Context(), p, "work")
	checkEdit(t, err, p.Config("work"), "MAILBOX is not set")
}
