package translate_test

import (
	"strings"
	"testing"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/translate"
)

// mailToMaildir is an endpoint with the translators of a mode.
func mailToMaildir(mode string) *config.Endpoint {
	return &config.Endpoint{
		Mailboxes:    []config.Mailbox{{Local: "Mail", Remote: "Maildir"}},
		TranslatorLR: "smd-translate -m " + mode + " -d LR work",
		TranslatorRL: "smd-translate -m " + mode + " -d RL work",
	}
}

// TestIdentity: without translators every name stays, whichever mailbox it is in.
func TestIdentity(t *testing.T) {
	t.Parallel()
	plain, err := translate.New(&config.Endpoint{Mailboxes: []config.Mailbox{{Local: "Mail", Remote: "Mail"}}}, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*translate.Map{"identity": translate.Identity(), "no translators": plain} {
		for _, folder := range []string{"Mail", "Mail/.a.b", "Lists/c"} {
			local, lerr := m.Local(folder)
			remote, rerr := m.Remote(folder)
			if lerr != nil || rerr != nil || local != folder || remote != folder {
				t.Errorf("%s: %q becomes %q (%v) and %q (%v)", name, folder, local, lerr, remote, rerr)
			}
		}
	}
}

func TestSeveralMailboxes(t *testing.T) {
	t.Parallel()
	e := mailToMaildir("nodots")
	e.Mailboxes = []config.Mailbox{{Local: "Mail", Remote: "Maildir"}, {Local: "Mail2", Remote: "shared/Maildir"}}
	m, err := translate.New(e, "")
	if err != nil {
		t.Fatal(err)
	}
	for local, want := range map[string]string{
		"Mail/a":    "Maildir/.a",
		"Mail2":     "shared/Maildir",
		"Mail2/a/b": "shared/Maildir/.a.b",
	} {
		if got, err := m.Remote(local); err != nil || got != want {
			t.Errorf("Remote(%q) = %q, %v, want %q", local, got, err, want)
		}
		if got, err := m.Local(want); err != nil || got != local {
			t.Errorf("Local(%q) = %q, %v, want %q", want, got, err, local)
		}
	}
}

func TestNewUnderstandsCommands(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lr, rl string
		want   string // in the message; empty: understood
	}{
		"bare":                {"smd-translate -m move -d LR work", "smd-translate -m move -d RL work", ""},
		"absolute":            {"/usr/bin/smd-translate -m move -d LR work", "/usr/bin/smd-translate -m move -d RL work", ""},
		"below home":          {"bin/smd-translate -m move -d LR work", "bin/smd-translate -m move -d RL work", ""},
		"options reversed":    {"smd-translate -d LR -m move work", "smd-translate -d RL -m move work", ""},
		"wrong way":           {"smd-translate -m move -d RL work", "smd-translate -m move -d RL work", "-d LR"},
		"wrong way back":      {"smd-translate -m move -d LR work", "smd-translate -m move -d LR work", "-d RL"},
		"unknown mode":        {"smd-translate -m sideways -d LR work", "smd-translate -m move -d RL work", "sideways"},
		"no mode":             {"smd-translate -d LR work", "smd-translate -m move -d RL work", "mode"},
		"a name that ends so": {"not-smd-translate -m move -d LR work", "smd-translate -m move -d RL work", "find the translator: not-smd-translate"},
		"only one way":        {"smd-translate -m move -d LR work", "", "TRANSLATOR_RL"},
		"only the other way":  {"", "smd-translate -m move -d RL work", "TRANSLATOR_LR"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := mailToMaildir("move")
			e.TranslatorLR, e.TranslatorRL = c.lr, c.rl
			m, err := translate.New(e, t.TempDir())
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got, err := m.Remote("Mail/a"); err != nil || got != "Maildir/a" {
					t.Errorf("Remote: %q, %v", got, err)
				}
				return
			}
			if !fault.Is(err, fault.Translator) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want a failure of kind %s that names %q", err, fault.Translator, c.want)
			}
		})
	}
}
