package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

// minimal is the least a configuration has to say.
const minimal = "SERVERNAME=box\nCLIENTNAME=laptop\nMAILBOX=Mail\n"

// write makes a home with the configuration of the endpoint "work".
func write(t *testing.T, script string) config.Paths {
	t.Helper()
	p := config.Paths{Home: t.TempDir()}
	if err := p.Make(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.Config("work"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// checkEdit wants a failure of kind [fault.Config] that names the file to edit,
// offers to, and says each of the words.
func checkEdit(t *testing.T, err error, file string, words ...string) {
	t.Helper()
	if !fault.Is(err, fault.Config) {
		t.Fatalf("%v, want a failure of kind %s", err, fault.Config)
	}
	for _, word := range append(words, file) {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
	f := fault.As(err)
	if !strings.Contains(f.WayOut(), file) {
		t.Errorf("the way out %q does not name %s", f.WayOut(), file)
	}
	if edit := (fault.Action{Kind: fault.EditConfig, Arg: file}); !slices.Contains(f.Suggested(), edit) {
		t.Errorf("no offer to edit %s: %v", file, f.Suggested())
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	// with is what the minimal configuration means, changed.
	with := func(change func(*config.Endpoint)) *config.Endpoint {
		e := &config.Endpoint{
			Name: "work", ServerName: "box", ClientName: "laptop",
			Mailboxes:  []config.Mailbox{{Local: "Mail", Remote: "Mail"}},
			ClientOpts: []string{}, ServerOpts: []string{},
		}
		change(e)
		return e
	}
	four := "SERVERNAME=box\nCLIENTNAME=laptop\nMAILBOX_LOCAL='Mail Old'\nMAILBOX_REMOTE='Maildir backup/Old'\n" +
		"TRANSLATOR_LR='smd-translate -m move -d LR work'\nTRANSLATOR_RL=\"smd-translate -m move -d RL work\"\n"
	for name, c := range map[string]struct {
		script string
		want   *config.Endpoint
	}{
		"the least": {minimal, with(func(*config.Endpoint) {})},
		"four variables in place of MAILBOX": {four, with(func(e *config.Endpoint) {
			e.Mailboxes = []config.Mailbox{{Local: "Mail", Remote: "Maildir"}, {Local: "Old", Remote: "backup/Old"}}
			e.TranslatorLR, e.TranslatorRL = "smd-translate -m move -d LR work", "smd-translate -m move -d RL work"
		})},
		"translators beside MAILBOX": {minimal + "TRANSLATOR_LR=x\nTRANSLATOR_RL=y\n", with(func(e *config.Endpoint) {
			e.TranslatorLR, e.TranslatorRL = "x", "y"
		})},
		"several mailboxes, blanks in their names": {minimal + "MAILBOX='Mail  My%20Lists/a%20b'\n", with(func(e *config.Endpoint) {
			e.Mailboxes = append(e.Mailboxes, config.Mailbox{Local: "My Lists/a b", Remote: "My Lists/a b"})
		})},
		"mailboxes beside one another": {minimal + "MAILBOX='Mail Mail2 Lists/Mail'\n", with(func(e *config.Endpoint) {
			e.Mailboxes = append(e.Mailboxes, config.Mailbox{Local: "Mail2", Remote: "Mail2"}, config.Mailbox{Local: "Lists/Mail", Remote: "Lists/Mail"})
		})},
		"a mailbox written carelessly": {minimal + "MAILBOX=./Mail//\n", with(func(*config.Endpoint) {})},
		"excludes at both ends": {minimal + "EXCLUDE=\"$MAILBOX/.notmuch ${MAILBOX}/Old%20Spam*\"\n", with(func(e *config.Endpoint) {
			e.ExcludeLocal = []string{"Mail/.notmuch", "Mail/Old%20Spam*"}
			e.ExcludeRemote = e.ExcludeLocal
		})},
		"excludes at one end": {minimal + "EXCLUDE_LOCAL=Mail/*a\nEXCLUDE_REMOTE='Mail/b Mail/?c'\n", with(func(e *config.Endpoint) {
			e.ExcludeLocal, e.ExcludeRemote = []string{"Mail/*a"}, []string{"Mail/b", "Mail/?c"}
		})},
		"excludes of all three": {minimal + "EXCLUDE=Mail/x\nEXCLUDE_LOCAL=Mail/l\nEXCLUDE_REMOTE=Mail/r\n", with(func(e *config.Endpoint) {
			e.ExcludeLocal, e.ExcludeRemote = []string{"Mail/x", "Mail/l"}, []string{"Mail/x", "Mail/r"}
		})},
		"excludes quoted twice": {minimal + `EXCLUDE="'Mail/.Spam' \"Mail/.Junk\" Mail/Bob's 'a"` + "\n", with(func(e *config.Endpoint) {
			e.ExcludeLocal = []string{"Mail/.Spam", "Mail/.Junk", "Mail/Bob's", "'a"}
			e.ExcludeRemote = e.ExcludeLocal
		})},
		"excludes with a blank between quotes": {minimal + `EXCLUDE="'Mail/Old  Spam' Mail/a 'Mail/Bob's own'"` + "\n", with(func(e *config.Endpoint) {
			e.ExcludeLocal = []string{"Mail/Old%20Spam", "Mail/a", "Mail/Bob's%20own"}
			e.ExcludeRemote = e.ExcludeLocal
		})},
		"excludes with brackets, backslashes and modified UTF-7": {minimal + `EXCLUDE="Mail/.\[Gmail\].Spam Mail/.Entw&APw-rfe"` + "\n", with(func(e *config.Endpoint) {
			e.ExcludeLocal = []string{`Mail/.\[Gmail\].Spam`, "Mail/.Entw&APw-rfe"}
			e.ExcludeRemote = e.ExcludeLocal
		})},
		"both ends on this machine": {minimal + "SERVERNAME=localhost\nSMDCLIENTOPTS='-l -v'\nSMDSERVEROPTS=-n\n", with(func(e *config.Endpoint) {
			e.ServerName, e.ClientOpts, e.ServerOpts = "localhost", []string{"-l", "-v"}, []string{"-n"}
		})},
		"notmuch": {minimal + "NOTMUCH=insert\n", with(func(e *config.Endpoint) { e.Notmuch = "insert" })},
		"switches": {minimal + "DEBUG=true\nNOTIFY_NEW_MAIL=Yes\nSYNC_ON_METERED=on\n", with(func(e *config.Endpoint) {
			e.Debug, e.NotifyNewMail, e.SyncOnMetered = true, true, true
		})},
		"subscribed folders only": {minimal + "SUBSCRIBED_ONLY=true\n", with(func(e *config.Endpoint) {
			e.SubscribedOnly = true
		})},
		"switches off": {minimal + "DEBUG=false\nNOTIFY_NEW_MAIL=\n", with(func(*config.Endpoint) {})},
		"what SMD does not know": {minimal + "ON_CONFLICT=fail\nSSH=openssh\nREMOTE_PROGRAM=.local/bin/smd-applet\n", with(func(e *config.Endpoint) {
			e.OnConflictFail, e.SSH, e.RemoteProgram = true, "openssh", ".local/bin/smd-applet"
		})},
		"the defaults, spelt out": {minimal + "ON_CONFLICT=keep\nSSH=\nMAX_DELETE=\n", with(func(*config.Endpoint) {})},
		"a share": {minimal + "MAX_DELETE=12.5%\n", with(func(e *config.Endpoint) {
			e.MaxDeletePercent = 12.5
		})},
		"a number": {minimal + "MAX_DELETE=200\n", with(func(e *config.Endpoint) {
			e.MaxDeleteCount = 200
		})},
		"a user at the server": {minimal + "SERVERNAME=me@mail.example.org\n", with(func(e *config.Endpoint) {
			e.ServerName = "me@mail.example.org"
		})},
		"lines that end in CR LF": {strings.ReplaceAll(minimal, "\n", "\r\n"), with(func(*config.Endpoint) {})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := config.Load(t.Context(), write(t, c.script), "work")
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, want %+v", *got, *c.want)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ script, want string }{
		"nothing":                   {"", "SERVERNAME is not set"},
		"no client":                 {"SERVERNAME=box\nMAILBOX=Mail\n", "CLIENTNAME is not set"},
		"no mailbox":                {"SERVERNAME=box\nCLIENTNAME=laptop\n", "MAILBOX is not set"},
		"a server taken for option": {minimal + "SERVERNAME=-oProxyCommand=reboot\n", "SERVERNAME"},
		"a client taken for option": {minimal + "CLIENTNAME=-n\n", "CLIENTNAME"},
		"a blank in the server":     {minimal + "SERVERNAME='box reboot'\n", "SERVERNAME"},
		"a newline in the client":   {minimal + "CLIENTNAME=$'laptop\\nx'\n", "CLIENTNAME"},
		"a mailbox twice over":      {minimal + "MAILBOX_LOCAL=Mail\n", "MAILBOX excludes"},
		"one of the four":           {"SERVERNAME=box\nCLIENTNAME=laptop\nMAILBOX_LOCAL=Mail\n", "MAILBOX_REMOTE"},
		"no translators":            {"SERVERNAME=box\nCLIENTNAME=laptop\nMAILBOX_LOCAL=Mail\nMAILBOX_REMOTE=Maildir\n", "TRANSLATOR_LR"},
		"more at one end": {
			"SERVERNAME=box\nCLIENTNAME=laptop\nMAILBOX_LOCAL='Mail Old'\nMAILBOX_REMOTE=Maildir\nTRANSLATOR_LR=x\nTRANSLATOR_RL=y\n",
			"2 mailboxes, MAILBOX_REMOTE 1",
		},
		"an absolute mailbox":        {minimal + "MAILBOX=/var/mail/me\n", "mailbox-has--absolute-path"},
		"a mailbox below ~":          {minimal + "MAILBOX=~/Mail\n", "mailbox-has--absolute-path"},
		"a mailbox outside home":     {minimal + "MAILBOX=Mail/../../you/Mail\n", ".."},
		"home as mailbox":            {minimal + "MAILBOX=.\n", "home directory"},
		"a control character":        {minimal + "MAILBOX=$'Ma\\x01il'\n", "control character"},
		"a delete character":         {minimal + "MAILBOX=$'Ma\\x7fil'\n", "control character"},
		"mailboxes in one another":   {minimal + "MAILBOX='Mail Mail/.lists'\n", "within one another"},
		"the same mailbox twice":     {minimal + "MAILBOX='Mail Mail/'\n", "within one another"},
		"local sync with a far host": {minimal + "SMDCLIENTOPTS=-l\n", "localhost"},
		"an unknown NOTMUCH":         {minimal + "NOTMUCH=yes\n", `NOTMUCH="yes"`},
		"an unknown ON_CONFLICT":     {minimal + "ON_CONFLICT=ask\n", `ON_CONFLICT="ask"`},
		"an unknown SSH":             {minimal + "SSH=putty\n", `SSH="putty"`},
		"MAX_DELETE a word":          {minimal + "MAX_DELETE=few\n", `MAX_DELETE="few"`},
		"MAX_DELETE nothing":         {minimal + "MAX_DELETE=0\n", `MAX_DELETE="0"`},
		"MAX_DELETE below nothing":   {minimal + "MAX_DELETE=-5%\n", `MAX_DELETE="-5%"`},
		"MAX_DELETE above all":       {minimal + "MAX_DELETE=101%\n", `MAX_DELETE="101%"`},
		"MAX_DELETE only a sign":     {minimal + "MAX_DELETE=%\n", `MAX_DELETE="%"`},
		"MAX_DELETE half a message":  {minimal + "MAX_DELETE=1.5\n", `MAX_DELETE="1.5"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := write(t, c.script)
			_, err := config.Load(t.Context(), p, "work")
			checkEdit(t, err, p.Config("work"), c.want)
		})
	}
}

// TestNestedAtOneEnd: mailboxes apart at one end may lie within one another at
// the other.
func TestNestedAtOneEnd(t *testing.T) {
	t.Parallel()
	for _, boxes := range []string{
		"MAILBOX_LOCAL='Mail Old'\nMAILBOX_REMOTE='Maildir Maildir/.Old'\n",
		"MAILBOX_LOCAL='Mail/old Mail'\nMAILBOX_REMOTE='Old Maildir'\n",
	} {
		p := write(t, "SERVERNAME=box\nCLIENTNAME=laptop\nTRANSLATOR_LR=x\nTRANSLATOR_RL=y\n"+boxes)
		_, err := config.Load(t.Context(), p, "work")
		checkEdit(t, err, p.Config("work"), "within one another")
	}
}

// TestAbsoluteMailboxHasSMDsContext: scripts know it as main/mailbox-has--absolute-path.
func TestAbsoluteMailboxHasSMDsContext(t *testing.T) {
	t.Parallel()
	_, err := config.Load(t.Context(), write(t, minimal+"MAILBOX=/Mail\n"), "work")
	if context, _ := fault.As(err).Tags(); context != "main" {
		t.Errorf("context %q, want main", context)
	}
}

// TestLoadRefusesNames that would leave ~/.smd, before anything is touched.
func TestLoadRefusesNames(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for _, name := range []string{"", "../x", "-n", "a/b", ".hidden", "a b", "a\n", strings.Repeat("x", 65)} {
		_, err := config.Load(t.Context(), config.Paths{Home: home}, name)
		if !fault.Is(err, fault.Config) || !strings.Contains(fault.As(err).WayOut(), "config.NAME") {
			t.Errorf("%q: %v, want a failure of kind %s that tells what an endpoint is", name, err, fault.Config)
		}
	}
	if _, err := os.Stat(filepath.Join(home, ".smd")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("~/.smd was made: %v", err)
	}
}

// TestLoadAdoptsOld: an SMD before endpoints had one configuration, ~/.smd/config.
func TestLoadAdoptsOld(t *testing.T) {
	t.Parallel()
	t.Run("as the default", func(t *testing.T) {
		t.Parallel()
		p := write(t, minimal)
		old := filepath.Join(p.SMD(), "config")
		if err := os.WriteFile(old, []byte(minimal+"SERVERNAME=old\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := config.Load(t.Context(), p, "default")
		if err != nil || e.ServerName != "old" || e.Name != "default" {
			t.Errorf("%+v, %v", e, err)
		}
		if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the old one stays: %v", err)
		}
	})
	t.Run("but never over a newer", func(t *testing.T) {
		t.Parallel()
		p := write(t, minimal)
		for file, script := range map[string]string{
			filepath.Join(p.SMD(), "config"): minimal + "SERVERNAME=old\n",
			p.Config("default"):              minimal + "SERVERNAME=new\n",
		} {
			if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if e, err := config.Load(t.Context(), p, "default"); err != nil || e.ServerName != "new" {
			t.Errorf("%+v, %v", e, err)
		}
	})
}

func TestLocalSync(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		options []string
		want    bool
	}{
		{nil, false},
		{[]string{"-v"}, false},
		{[]string{"-v", "-l"}, true},
		{[]string{"--local-sync"}, true},
	} {
		if got := (&config.Endpoint{ClientOpts: c.options}).LocalSync(); got != c.want {
			t.Errorf("%q: %v, want %v", c.options, got, c.want)
		}
	}
}

func TestRemoteMailboxes(t *testing.T) {
	t.Parallel()
	e := &config.Endpoint{Mailboxes: []config.Mailbox{{Local: "b", Remote: "y"}, {Local: "a", Remote: "x"}}}
	if got := e.RemoteMailboxes(); !slices.Equal(got, []string{"y", "x"}) {
		t.Errorf("%q", got)
	}
}

// TestDBFile has the rules of the spec, §1. The names must be SMD's own, or its
// users would start anew.
func TestDBFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		client    string
		mailboxes []string
		want      string
	}{
		{"laptop", []string{"Mail"}, "laptop__Mail.db.txt"},
		{"laptop", []string{"Mail/"}, "laptop__Mail.db.txt"},
		{"laptop", []string{"Mail/work", "Old/"}, "laptop__Mail_work__Old.db.txt"},
		{"laptop", []string{"My%20Mail"}, "laptop__My_20Mail.db.txt"},
		{"me/laptop/", []string{"Mail"}, "me_laptop__Mail.db.txt"},
		{"100%", []string{"Mail"}, "100%__Mail.db.txt"},
	} {
		if got := config.DBFile(c.client, c.mailboxes); got != c.want {
			t.Errorf("%q, %q: %q, want %q", c.client, c.mailboxes, got, c.want)
		}
	}
}

// TestDBFileStaysInPlace: no name makes a db-file anywhere else.
func TestDBFileStaysInPlace(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a%./ ]{0,6}`)
		client, boxes := name.Draw(t, "client"), rapid.SliceOfN(name, 1, 3).Draw(t, "mailboxes")
		file := config.DBFile(client, boxes)
		if path.Base(file) != file || !filepath.IsLocal(file) || !strings.HasSuffix(file, ".db.txt") {
			t.Fatalf("%q, %q: %q", client, boxes, file)
		}
	})
}

// FuzzCleanMailbox: what is accepted lies below home and fits a line.
func FuzzCleanMailbox(f *testing.F) {
	for _, s := range []string{
		"Mail", "Mail/", "./a//b", "/Mail", "~/Mail", "a/../b", "..", ".", "", "My%20Mail", "%20", "%2%200",
		"a\nb", "a\x00", "a\x7f", "caf\xe9", "a/.%20./b", "./~",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := config.CleanMailbox(s)
		if err != nil {
			return
		}
		if !filepath.IsLocal(got) || path.Clean(got) != got || got == "." {
			t.Errorf("%q becomes %q", s, got)
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
			t.Errorf("%q becomes %q, with a control character", s, got)
		}
		if strings.Contains(got, "%20") {
			t.Errorf("%q becomes %q, with a blank still written as %%20", s, got)
		}
	})
}
