package config_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/sync/config"
	"smd-applet/sync/synctest"
)

// TestFirstLoad: a missing configuration is written as a template, which is
// refused until it is edited and is sound with no more than the server filled in.
func TestFirstLoad(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("hostname"); err != nil {
		synctest.Missing(t, "hostname", "hostname")
	}
	p := config.Paths{Home: t.TempDir()}
	file := p.Config("work")
	_, err := config.Load(t.Context(), p, "work")
	checkEdit(t, err, file, "template")
	_, err = config.Load(t.Context(), p, "work")
	checkEdit(t, err, file, "SERVERNAME", "template")

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(file); err != nil || st.Mode() != 0o600 {
		t.Errorf("the template is not the user's alone: %v, %v", st, err)
	}
	edited := strings.Replace(string(text), "server_edit_me_", "box", 1)
	if err := os.WriteFile(file, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := config.Load(t.Context(), p, "work")
	if err != nil {
		t.Fatal(err)
	}
	if e.ServerName != "box" || len(e.Mailboxes) != 1 || !strings.HasSuffix(e.ClientName, "-work") || e.ClientName == "-work" {
		t.Errorf("%+v", *e)
	}
}

// TestTemplateExamples: what the template shows in comments is understood once
// the comment sign is taken off.
func TestTemplateExamples(t *testing.T) {
	t.Parallel()
	p := config.Paths{Home: t.TempDir()}
	if err := config.WriteTemplate(p, "work"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(p.Config("work"))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for line := range strings.Lines(string(text)) {
		example := strings.TrimPrefix(line, "#")
		name, _, assigns := strings.Cut(example, "=")
		switch {
		case !assigns || strings.Contains(name, " "):
		case name == "SERVERNAME":
			script.WriteString("SERVERNAME=box\n")
		case name == "CLIENTNAME":
			script.WriteString("CLIENTNAME=laptop\n")
		case name == "MAILBOX": // the four variables are in its place
			script.WriteString("m=Mail\n")
		default:
			script.WriteString(strings.ReplaceAll(example, "$MAILBOX", "$m"))
		}
	}
	p = write(t, script.String())
	e, err := config.Load(t.Context(), p, "work")
	if err != nil {
		t.Fatalf("%v\n%s", err, script.String())
	}
	if !e.Debug || !e.NotifyNewMail || !e.SyncOnMetered || e.SSH != "native" || e.MaxDeletePercent != 25 || e.RemoteProgram == "" ||
		e.OnConflictFail || e.TranslatorLR == "" || e.TranslatorRL == "" || len(e.ExcludeLocal) != 2 {
		t.Errorf("%+v\n%s", *e, script.String())
	}
}

func TestWriteTemplateFails(t *testing.T) {
	t.Parallel()
	p := config.Paths{Home: t.TempDir()}
	if err := os.MkdirAll(filepath.Join(p.Config("work"), "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := config.WriteTemplate(p, "work"); err == nil || !strings.Contains(err.Error(), p.Config("work")) {
		t.Errorf("%v, want an error about %s", err, p.Config("work"))
	}
}
