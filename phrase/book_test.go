package phrase

import (
	"errors"
	"io/fs"
	"slices"
	"testing"
	"time"

	"smd-applet/sync/fault"
)

func TestFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environment map[string]string
		want        string
	}{
		{nil, "Quit"},
		{map[string]string{"LANG": "de_AT.UTF-8"}, "Beenden"},
		{map[string]string{"LANG": "de_DE.UTF-8", "LC_ALL": "C.UTF-8", "LANGUAGE": "de"}, "Quit"},
		{map[string]string{"LANG": "de_DE.UTF-8", "LC_MESSAGES": "it_IT"}, "Esci"},
		{map[string]string{"LANG": "nl_NL.UTF-8"}, "Quit"},
		{map[string]string{"LANG": "nl_NL.UTF-8", "LANGUAGE": "nl:fr:de"}, "Quitter"},
		{map[string]string{"LANG": "de_DE.UTF-8", "LANGUAGE": "en_GB:de"}, "Quit"},
		{map[string]string{"LANG": "fr@euro"}, "Quitter"},
		{map[string]string{"LANG": "../../de"}, "Quit"},
	} {
		if got := For(func(name string) string { return c.environment[name] }).Say("Quit"); got != c.want {
			t.Errorf("%v: %q, want %q", c.environment, got, c.want)
		}
	}
}

func TestPlurals(t *testing.T) {
	t.Parallel()
	for language, want := range map[string][]string{
		"en": {"0 new", "1 new", "2 new"},
		"fr": {"0 nouveau", "1 nouveau", "2 nouveaux"},
		"it": {"0 nuovi", "1 nuovo", "2 nuovi"},
	} {
		b := For(func(string) string { return language })
		var got []string
		for n := range 3 {
			got = append(got, b.SayN(n, "%s new", "%s new", b.Number(n)))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q", language, got)
		}
	}
}

func TestTimesAndNumbers(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for language, want := range map[string][]string{
		"en": {"1,234,567", "on 3 Mar 12:00", "11:00"},
		"de": {"1.234.567", "am 03.03. 12:00", "11:00"},
		"fr": {"1\u202f234\u202f567", "le 03/03 12:00", "11:00"},
	} {
		b := For(func(string) string { return language })
		got := []string{b.Number(1234567), b.Ago(now.Add(-24*time.Hour), now), b.Clock(now.Add(-time.Hour), now)}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q", language, got)
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	german := For(func(string) string { return "de" })
	changed := &fault.Error{Kind: fault.HostKeyChanged, Hint: "log in once with: ssh %s", HintArgs: []any{"100%"}}
	if got := german.Summary(changed) + "|" + german.WayOut(changed); got != "der Schlüssel des Servers hat sich geändert|melden Sie sich einmal an mit: ssh 100%" {
		t.Errorf("got %q", got)
	}
	full := &fault.Error{Kind: fault.DiskFull}
	there := &fault.Error{Kind: fault.DiskFull, Hint: "at the server: %s", HintArgs: []any{full.WayOut()}}
	if got, want := german.WayOut(there), "auf dem Server: "+german.WayOut(full); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	own := &fault.Error{Kind: fault.DiskFull, Hint: "50% of it is trash"}
	if got := german.WayOut(own); got != own.Hint {
		t.Errorf("got %q", got)
	}
}

func TestOffers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  fault.Error
		want []string
	}{
		{fault.Error{Kind: fault.Network}, []string{"Sync now", "Open log"}},
		{fault.Error{Kind: fault.Held}, []string{"Delete them on both sides", "Bring them back"}},
		{fault.Error{Kind: fault.Config}, []string{"Edit configuration", "Sync now", "Open log"}},
		{fault.Error{Kind: fault.MailboxMissing, Path: "/home/me/Mail"}, []string{"Show the folder", "Sync now", "Open log"}},
		{fault.Error{Kind: fault.Permission, Path: "Mail/it's", Err: errors.New("no")}, []string{"Show the folder", `Run: chmod u+rwX -- 'Mail/it'\''s'`, "Sync now", "Open log"}},
		// Nothing is done here by what another machine says.
		{fault.Error{Kind: fault.Permission, Path: "mailhost", Err: fs.ErrPermission}, []string{"Sync now", "Open log"}},
		{fault.Error{Kind: fault.Permission, Path: "Mail/$(reboot)", Elsewhere: true}, []string{"Sync now", "Open log"}},
		{
			fault.Error{Kind: fault.HostKeyUnknown, Actions: []fault.Action{{Kind: fault.TrustHost, Arg: "mailhost"}}},
			[]string{"Show the server's key", "Sync now", "Open log"},
		},
	} {
		var got []string
		for _, o := range English.Offers(&c.err) {
			got = append(got, o.Label)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", c.err.Kind, got)
		}
	}
}
