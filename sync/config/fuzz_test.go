package config

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// FuzzSettings: whatever a configuration sets, what comes of it is within bounds.
func FuzzSettings(f *testing.F) {
	for _, s := range [][6]string{
		{"mail", "laptop", "Mail", "", "25%", "500k"},
		{"localhost", "a b", "Mail Mail/a", "*x* Mail/y", "0", "9999999999G"},
		{"-oProxyCommand=x", "../a", "Mail%20x ~", "[", "-1", "-5"},
		{"", "", "", "", "200%", "k"},
		{"a@b", "c", "/etc", "a\nb", "1e9", "1.5M"},
	} {
		f.Add(s[0], s[1], s[2], s[3], s[4], s[5])
	}
	f.Fuzz(func(t *testing.T, server, client, boxes, exclude, most, rate string) {
		e, err := parse(map[string]string{
			"SERVERNAME": server, "CLIENTNAME": client, "MAILBOX": boxes, "EXCLUDE": exclude, "MAX_DELETE": most, "LIMIT_UP": rate, "LIMIT_DOWN": rate,
		})
		if err != nil {
			return
		}
		for _, b := range e.Mailboxes {
			if !filepath.IsLocal(b.Local) || !filepath.IsLocal(b.Remote) || strings.ContainsAny(b.Local+b.Remote, "\x00\n") {
				t.Errorf("%q becomes %+v", boxes, b)
			}
		}
		if file := DBFile(e.ClientName, e.RemoteMailboxes()); filepath.Base(file) != file {
			t.Errorf("%q, %q: the agreed state is %q", client, boxes, file)
		}
		if e.LimitUp < 0 || e.LimitDown < 0 {
			t.Errorf("%q becomes %d and %d bytes a second", rate, e.LimitUp, e.LimitDown)
		}
	})
}

// FuzzPreferences: what the menu keeps is read, and written back, without harm.
func FuzzPreferences(f *testing.F) {
	for _, s := range []string{"", "NOTIFY_NEW_MAIL=true\n", "# mine\nX = y\n\n", "=\n", "SYNC_ON_METERED", "\x00\xff=\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		prefs, err := parsePreferences(text)
		if err != nil {
			return
		}
		again, err := parsePreferences(prefs.into(text))
		if err != nil || !reflect.DeepEqual(again, prefs) {
			t.Errorf("%q becomes %+v, and then %+v (%v)", text, prefs, again, err)
		}
	})
}
