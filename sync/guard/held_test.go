package guard_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"smd-applet/sync/guard"
	"smd-applet/sync/maildir"
)

func loadLedger(t rapid.TB, path string) *guard.Ledger {
	t.Helper()
	l, err := guard.LoadLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// lists are a ledger's five lists, by name.
func lists(l *guard.Ledger) map[string]map[string]maildir.Sum {
	return map[string]map[string]maildir.Sum{
		"held here": l.HeldHere, "held there": l.HeldThere,
		"delete here": l.DeleteHere, "delete there": l.DeleteThere, "fetch": l.Fetch,
	}
}

// TestLedgerIsKept: what is saved is what is loaded, whatever a message's name.
func TestLedgerIsKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "held.json")
	name := rapid.StringMatching(`Mail/[^\x00-\x1f\x7f/]{0,12}/cur/[^\x00-\x1f\x7f/]{1,12}`)
	sum := rapid.Custom(func(t *rapid.T) maildir.Sum {
		digest := rapid.SliceOfN(rapid.Byte(), len(maildir.Digest{}), len(maildir.Digest{}))
		return maildir.Sum{
			Header: maildir.Digest(digest.Draw(t, "header")), Body: maildir.Digest(digest.Draw(t, "body")),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		saved := loadLedger(t, path)
		for list, m := range lists(saved) {
			clear(m) // of the previous round
			maps.Copy(m, rapid.MapOfN(name, sum, 0, 3).Draw(t, list))
		}
		if err := saved.Save(); err != nil {
			t.Fatal(err)
		}
		loaded := lists(loadLedger(t, path))
		for list, m := range lists(saved) {
			if !maps.Equal(loaded[list], m) {
				t.Fatalf("%s: %v, want %v", list, loaded[list], m)
			}
		}
	})
}

func TestEmptyLedgerHasNoFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "held.json")
	l := loadLedger(t, path)
	for list, m := range lists(l) {
		if m == nil || len(m) != 0 {
			t.Errorf("%s of a missing ledger: %v", list, m)
		}
	}
	save := func() {
		t.Helper()
		if err := l.Save(); err != nil {
			t.Fatal(err)
		}
	}
	save()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("an empty ledger was written: %v", err)
	}
	l.Fetch["Mail/cur/1"] = maildir.Sum{}
	save()
	if st, err := os.Stat(path); err != nil || st.Mode() != fs.FileMode(0o600) {
		t.Errorf("the ledger is not the user's alone: %v, %v", st, err)
	}
	clear(l.Fetch)
	save()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a ledger that became empty is still there: %v", err)
	}
}

// TestDecisions: a person's answer moves the held messages, and no others.
func TestDecisions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		decide func(*guard.Ledger)
		want   map[string]string // list by message; "" is none
	}{
		"confirm": {
			(*guard.Ledger).Confirm,
			map[string]string{
				"held here": "delete here", "held there": "delete there",
				"delete here": "delete here", "delete there": "delete there", "fetch": "fetch",
			},
		},
		// What is kept here is in no list: so the next push sends it again.
		"restore": {
			(*guard.Ledger).Restore,
			map[string]string{
				"held here": "", "held there": "fetch",
				"delete here": "delete here", "delete there": "delete there", "fetch": "fetch",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := loadLedger(t, filepath.Join(t.TempDir(), "held.json"))
			sums := make(map[string]maildir.Sum)
			for list, m := range lists(l) {
				sums[list] = maildir.Sum{Header: maildir.Digest{byte(len(list))}} // any will do
				m[list] = sums[list]
			}
			c.decide(l)
			for message, want := range c.want {
				for list, m := range lists(l) {
					sum, there := m[message]
					if there != (list == want) {
						t.Errorf("%s is in the list %s: %v", message, list, there)
					}
					if there && sum != sums[message] {
						t.Errorf("%s changed to %v", message, sum)
					}
				}
			}
		})
	}
}

// TestBadLedger: one that can't be understood is never taken for an empty one,
// which would let the held deletions happen.
func TestBadLedger(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("0a", len(maildir.Digest{}))
	for name, content := range map[string]string{
		"empty":        "",
		"cut short":    `{"version": 1, "heldHere": [{"name": "Mail/cur/1"`,
		"no digest":    `{"version": 1, "heldHere": [{"name": "Mail/cur/1", "header": "", "body": "` + digest + `"}]}`,
		"bad digest":   `{"version": 1, "fetch": [{"name": "Mail/cur/1", "header": "` + digest + `", "body": "` + strings.Replace(digest, "0a", "zz", 1) + `"}]}`,
		"no name":      `{"version": 1, "heldThere": [{"name": "", "header": "` + digest + `", "body": "` + digest + `"}]}`,
		"another type": `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "held.json")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if l, err := guard.LoadLedger(path); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("%v, %v; want an error that names the file", l, err)
			}
		})
	}
}

// TestLedgerKeepsBytes: a name need not be UTF-8.
func TestLedgerKeepsBytes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "held.json")
	l, err := guard.LoadLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"Mail/caf\xe9/cur/1", `"Mail"/cur/1`, "Mail/cur/1"}
	for _, n := range names {
		l.HeldHere[n] = maildir.Sum{}
	}
	if err := l.Save(); err != nil {
		t.Fatal(err)
	}
	got, err := guard.LoadLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if _, held := got.HeldHere[n]; !held {
			t.Errorf("%q is not held any more: %q", n, got.HeldHere)
		}
	}
}
