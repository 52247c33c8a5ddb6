package check_test

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"smd-applet/sync/check"
	"smd-applet/sync/config"
	"smd-applet/sync/fault"
	"smd-applet/sync/probe"
	"smd-applet/sync/subscribe"
)

func number[N int | int64](n N) *N { return &n }

// sound are the facts of a set-up with nothing wrong.
func sound() *check.Facts {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	same := func(folders ...string) []check.RoundTrip {
		var trips []check.RoundTrip
		for _, f := range folders {
			trips = append(trips, check.RoundTrip{Folder: f, There: f, Back: f})
		}
		return trips
	}
	box := func() []probe.Mailbox {
		return []probe.Mailbox{{Name: "Mail", Folders: []string{"Mail", "Mail/.Sent"}, Free: number(int64(5e9))}}
	}
	return &check.Facts{
		Endpoint: "default", Home: "/home/me",
		ConfigFile: "/home/me/.smd/config.default", LoopFile: "/home/me/.smd/loop", StateDir: "/home/me/.smd", State: 0o700,
		Config: &config.Endpoint{
			Name: "default", ServerName: "mailhost", ClientName: "laptop", Mailboxes: []config.Mailbox{{Local: "Mail", Remote: "Mail"}},
		},
		Loop: []config.LoopEntry{{Endpoint: "default", Pull: 3 * time.Minute}}, Endpoints: []string{"default"},
		Hooks: []check.Hook{{Path: "/home/me/.smd/hooks/post-pull.d/notmuch", Executable: true}},
		Local: box(),
		Remote: check.Remote{
			How: "native", Server: "smd-server", Protocol: "1.3", Applet: "smd-applet 1.0",
			Asked: now, Answered: now.Add(time.Second), Time: now, Mailboxes: box(),
		},
		There: same("Mail", "Mail/.Sent"), Here: same("Mail", "Mail/.Sent"),
		Excludes: []check.Exclude{{Glob: "Mail/.Spam", Setting: "EXCLUDE", Here: number(0), There: number(1)}},
	}
}

func TestJudgeSound(t *testing.T) {
	t.Parallel()
	var texts []string
	for _, f := range check.Judge(sound()) {
		if f.Level != check.OK || f.Fix != "" {
			t.Errorf("%+v", f)
		}
		texts = append(texts, f.Topic+": "+f.Text)
	}
	for _, want := range []string{
		"configuration: ~/.smd/config.default: server mailhost, client laptop", "configuration: ~/.smd/loop: pull every 3m, push never",
		"hooks: post-pull.d/notmuch", "server: mailhost can be reached (native)", "server: smd-server speaks smd 1.3", "server: the clocks agree",
		"mailboxes: Mail: 2 folders here", "mailboxes: Mail: 5.0 GB free at the server",
		"folder names: Mail/.Sent -> Mail/.Sent -> Mail/.Sent", "excludes: EXCLUDE Mail/.Spam: 0 folders here, 1 folder at the server",
	} {
		if !slices.Contains(texts, want) {
			t.Errorf("no %q in %q", want, texts)
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	refused := func(kind fault.Kind) error { return fault.New(kind, "connect", "mailhost", errors.New("refused")) }
	for name, c := range map[string]struct {
		change    func(*check.Facts)
		level     check.Level
		text, fix string // each a part of it
	}{
		"no configuration": {func(f *check.Facts) {
			f.Config, f.ConfigErr = nil, fault.New(fault.Config, "read the configuration", "config.default", errors.New("SERVERNAME is not set"))
		}, check.Error, "SERVERNAME is not set", "edit"},
		"a slip":          {func(f *check.Facts) { f.Unread = []config.Unread{{Name: "EXLCUDE", Meant: "EXCLUDE"}} }, check.Warning, "EXLCUDE is set", "write EXCLUDE"},
		"an unknown key":  {func(f *check.Facts) { f.Unread = []config.Unread{{Name: "COLOUR"}} }, check.Warning, "COLOUR is set", "remove it"},
		"a bad loop file": {func(f *check.Facts) { f.LoopErr = refused(fault.Config) }, check.Error, "refused", "edit"},
		"not in the loop": {func(f *check.Facts) { f.Loop = nil }, check.Warning, "neither the applet", "3 10 default"},
		"a loop too far":  {func(f *check.Facts) { f.Loop = append(f.Loop, config.LoopEntry{Endpoint: "work"}) }, check.Warning, "endpoint work, which has no", "smd-pull -t work"},
		"an open state":   {func(f *check.Facts) { f.State = 0o755 }, check.Warning, "open to other users (0755)", "chmod 700 ~/.smd"},
		"a hook asleep":   {func(f *check.Facts) { f.Hooks[0].Executable = false }, check.Warning, "post-pull.d/notmuch is not executable", "chmod +x ~/.smd/hooks/post-pull.d/notmuch"},
		"no notmuch":      {func(f *check.Facts) { f.Config.Notmuch, f.Notmuch.Err = "new", errors.New("not found") }, check.Error, "notmuch can't be used: not found", "remove NOTMUCH"},
		"notmuch of other mail": {func(f *check.Facts) {
			f.Config.Notmuch, f.Notmuch = "new", check.Notmuch{Root: "/home/me/Other", Outside: []string{"/home/me/Mail"}}
		}, check.Warning, "~/Mail is not in notmuch's care", "database.path"},
		"notmuch without python": {func(f *check.Facts) {
			f.Config.Notmuch, f.Notmuch = "insert", check.Notmuch{Root: "/home/me/Mail", Slow: errors.New("no python3")}
		}, check.Note, "it looks through all the mail: no python3", "install python3"},
		"notmuch": {func(f *check.Facts) { f.Config.Notmuch, f.Notmuch = "new", check.Notmuch{Root: "/home/me/Mail"} }, check.OK, "NOTMUCH=new: its mail is in ~/Mail", ""},
		"no host": {func(f *check.Facts) {
			f.Remote = check.Remote{LoginErr: fault.New(fault.Network, "connect", "mailhost", &net.DNSError{Err: "no such host", Name: "mailhost"})}
		}, check.Error, "no such host", "Host mailhost"},
		"an unknown host key":  {func(f *check.Facts) { f.Remote = check.Remote{LoginErr: refused(fault.HostKeyUnknown)} }, check.Error, "refused", "smd-applet trust"},
		"no login":             {func(f *check.Facts) { f.Remote = check.Remote{LoginErr: refused(fault.Auth)} }, check.Error, "refused", "ssh to the same host"},
		"no program":           {func(f *check.Facts) { f.Remote.ServerErr = refused(fault.RemoteProgram) }, check.Error, "refused", "smd-applet deploy"},
		"a noisy shell":        {func(f *check.Facts) { f.Remote.ServerErr = refused(fault.Protocol) }, check.Error, "refused", "start-up files"},
		"a program that fails": {func(f *check.Facts) { f.Remote.ServerErr = refused(fault.RemoteFailed) }, check.Error, "refused", "ssh mailhost smd-server"},
		"a stock server":       {func(f *check.Facts) { f.Remote.Applet = "" }, check.Note, "are not known", "smd-applet there too"},
		"an older program":     {func(f *check.Facts) { f.Program, f.Remote.Applet = "smd-applet 0.2.0", "smd-applet 0.1.0 (smd-applet)" }, check.Note, "0.1.0 (smd-applet) is there, which is older", "smd-applet deploy mailhost"},
		"a fast clock":         {func(f *check.Facts) { f.Remote.Time = f.Remote.Answered.Add(90 * time.Minute) }, check.Warning, "1h30m ahead", "timedatectl"},
		"a slow clock":         {func(f *check.Facts) { f.Remote.Time = f.Remote.Asked.Add(-75 * time.Second) }, check.Warning, "1m15s behind", "timedatectl"},
		"no mailbox here":      {func(f *check.Facts) { f.Local[0] = probe.Mailbox{Name: "Mail", Missing: "no such file"} }, check.Note, "Mail is not here: no such file", "first pull makes it"},
		"no mailbox there": {func(f *check.Facts) {
			f.Remote.Mailboxes[0] = probe.Mailbox{Name: "Mail", Missing: "no such file"}
			f.Remote.ServerErr = refused(fault.MailboxMissing) // says the same
		}, check.Error, "Mail is not at the server: no such file", "MAILBOX_REMOTE"},
		"folders not known": {func(f *check.Facts) { f.Remote.Mailboxes, f.Remote.ListErr = nil, errors.New("mddiff: not found") }, check.Note, "not known: mddiff: not found", ""},
		"unreadable":        {func(f *check.Facts) { f.Remote.Mailboxes[0].Unreadable = []string{"Mail/.x"} }, check.Error, "Mail/.x can't be read at the server", "readable"},
		"a link":            {func(f *check.Facts) { f.Local[0].Skipped = []string{"Mail/.link"} }, check.Warning, "Mail/.link is left out here", "exclude it"},
		"read only":         {func(f *check.Facts) { f.Local[0].ReadOnly = true }, check.Error, "Mail can't be written here", "right to write"},
		"a full disk":       {func(f *check.Facts) { f.Local[0].Free = number(int64(1e6)) }, check.Error, "1 MB free here", "free some space"},
		"little room":       {func(f *check.Facts) { f.Remote.Mailboxes[0].Free = number(int64(9e7)) }, check.Warning, "90 MB free at the server", "free some space"},
		"no translator":     {func(f *check.Facts) { f.TranslatorErr, f.There, f.Here = refused(fault.Translator), nil, nil }, check.Error, "refused", "TRANSLATOR_LR"},
		"no translation": {func(f *check.Facts) {
			f.Here = append(f.Here, check.RoundTrip{Folder: "Mail/a.b", Err: fault.New(fault.Translator, "translate", "Mail/a.b", errors.New("it has a dot"))})
		}, check.Error, "Mail/a.b -> ?: it has a dot", "EXCLUDE_REMOTE"},
		"no way back": {func(f *check.Facts) {
			f.There = append(f.There, check.RoundTrip{Folder: "Mail/A", There: "Mail/.Sent", Back: "Mail/.Sent"})
		}, check.Error, "Mail/A -> Mail/.Sent -> Mail/.Sent: it does not come back", "EXCLUDE_LOCAL"},
		"only here":  {func(f *check.Facts) { f.Here = f.Here[:1] }, check.Note, "Mail/.Sent is only here; at the server it is Mail/.Sent", "EXCLUDE_LOCAL"},
		"only there": {func(f *check.Facts) { f.There = f.There[:1] }, check.Note, "Mail/.Sent is only at the server; here it is Mail/.Sent", "EXCLUDE_REMOTE"},
		"an inbox of its own": {func(f *check.Facts) {
			f.There[0] = check.RoundTrip{Folder: "Mail/inbox", There: "Mail/inbox", Back: "Mail/inbox"}
		}, check.Warning, "Mail/inbox is only here; the server has its inbox in Mail itself", `smd-translate -m inbox -d RL default`},
		"an inbox and a mode": {func(f *check.Facts) {
			f.Config.TranslatorLR = "smd-translate -m oimap-dovecot -d LR default"
			f.There[0] = check.RoundTrip{Folder: "Mail/INBOX", There: "Mail/.INBOX", Back: "Mail/INBOX"}
		}, check.Warning, "Mail/INBOX is only here", "smd-translate -m inbox+oimap-dovecot in"},
		"an exclude for nothing":         {func(f *check.Facts) { f.Excludes[0].There = number(0) }, check.Warning, "EXCLUDE Mail/.Spam matches nothing", "folders above"},
		"an exclude without its mailbox": {func(f *check.Facts) { f.Excludes[0].Glob, f.Excludes[0].There = ".Spam", number(0) }, check.Warning, ".Spam matches nothing", "begin it with Mail/"},
		"an exclude of brackets": {func(f *check.Facts) {
			f.Excludes[0] = check.Exclude{Glob: "Mail/[Gmail]/Spam", Setting: "EXCLUDE", Here: number(0), There: number(0), Literal: true}
		}, check.Warning, "matches nothing", `Mail/\[Gmail]/Spam`},
		"an exclude at a stock server": {func(f *check.Facts) {
			f.Remote.Applet = ""
			f.Excludes[0] = check.Exclude{Glob: "Mail/.notmuch", Setting: "EXCLUDE_REMOTE", There: number(0)}
		}, check.Note, "Mail/.notmuch matches no folder of messages", ""},
		"a bad exclude": {func(f *check.Facts) { f.Excludes[0].Err = refused(fault.Config) }, check.Error, "refused", "edit"},
		"subscriptions and a stock server": {func(f *check.Facts) {
			f.Config.SubscribedOnly, f.SubscribedErr = true, refused(fault.RemoteProgram)
		}, check.Error, "SUBSCRIBED_ONLY needs smd-applet", "EXCLUDE"},
		"no subscriptions": {func(f *check.Facts) { f.Config.SubscribedOnly, f.SubscribedErr = true, refused(fault.Config) }, check.Error, "refused", "edit"},
		"subscriptions": {func(f *check.Facts) {
			f.Config.SubscribedOnly, f.Subscribed = true, subscribe.Mailboxes{"Mail": subscribe.Parse("Other\n")}
		}, check.OK, "1 of 2 folders at the server", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := sound()
			c.change(f)
			findings := check.Judge(f)
			if !slices.ContainsFunc(findings, func(f check.Finding) bool {
				return f.Level == c.level && strings.Contains(f.Text, c.text) && strings.Contains(f.Fix, c.fix) && (c.fix != "") == (f.Fix != "")
			}) {
				t.Errorf("no %s of %q with the fix %q in %+v", c.level, c.text, c.fix, findings)
			}
			// It is told once, and nothing else is found wrong.
			for level, want := range map[check.Level]int{check.Error: 0, check.Warning: 0} {
				if level == c.level {
					want = 1
				}
				if got := check.Count(findings, level); got != want {
					t.Errorf("%d of level %s, want %d: %+v", got, level, want, findings)
				}
			}
		})
	}
}
