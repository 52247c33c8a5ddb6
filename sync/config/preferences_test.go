package config

import (
	"os"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/fault"
)

func TestPreferences(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	for text, want := range map[string]Preferences{
		"":                         {},
		"# SYNC_ON_METERED=true\n": {},
		"SYNC_ON_METERED=true":     {SyncMetered: true},
		" NOTIFY_NEW_MAIL = false # ours\r\nSYNC_ON_METERED=1\n": {NotifyNewMail: &no, SyncMetered: true},
		"NOTIFY_NEW_MAIL=true\nLATER=perhaps\nno setting\n":      {NotifyNewMail: &yes},
	} {
		got, err := parsePreferences(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	if _, err := parsePreferences("\nSYNC_ON_METERED=perhaps\n"); err == nil {
		t.Error("perhaps is taken for a yes or no")
	}
}

// What is saved is read again, and no line of somebody else's is lost.
func TestPreferencesAreKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		foreign := rapid.StringMatching(`(#[a-z =]{0,9}\n|[A-Z]{3}=[a-z]{0,5}\n){0,4}`).Draw(t, "foreign")
		var prefs Preferences
		if rapid.Bool().Draw(t, "chosen") {
			on := rapid.Bool().Draw(t, "announce")
			prefs.NotifyNewMail = &on
		}
		prefs.SyncMetered = rapid.Bool().Draw(t, "metered")
		text := prefs.into(Preferences{SyncMetered: true}.into(foreign))
		got, err := parsePreferences(text)
		if err != nil || !reflect.DeepEqual(got, prefs) {
			t.Fatalf("%q: %+v, %v; want %+v", text, got, err, prefs)
		}
		if text[:len(foreign)] != foreign {
			t.Fatalf("%q does not begin with %q", text, foreign)
		}
	})
}

func TestPreferencesFile(t *testing.T) {
	t.Parallel()
	p := Paths{Home: t.TempDir()}
	if got, err := LoadPreferences(p); err != nil || got != (Preferences{}) {
		t.Errorf("where there is none: %+v, %v", got, err)
	}
	if err := (Preferences{SyncMetered: true}).Save(p); err != nil {
		t.Fatal(err)
	}
	if got, err := LoadPreferences(p); err != nil || !got.SyncMetered || got.NotifyNewMail != nil {
		t.Errorf("what was saved: %+v, %v", got, err)
	}
	if st, err := os.Stat(p.Preferences()); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("its mode: %v, %v", st.Mode(), err)
	}
	if err := os.WriteFile(p.Preferences(), []byte("SYNC_ON_METERED=nein\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadPreferences(p); !fault.Is(err, fault.Config) {
		t.Errorf("a wrong one: %v", err)
	}
}
