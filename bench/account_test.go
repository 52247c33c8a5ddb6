//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/sync/synctest"
)

// What becomes of the mail is told in words, however the programs name files and
// folders, and whatever they add to a header.
func TestVerdict(t *testing.T) {
	t.Parallel()
	rename := func(t *testing.T, box *synctest.Mailbox, from, to string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(box.Path(to)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(box.Path(from), box.Path(to)); err != nil {
			t.Fatal(err)
		}
	}
	for want, do := range map[string]func(t *testing.T, here *synctest.Mailbox, all []string){
		"same": func(*testing.T, *synctest.Mailbox, []string) {},
		"1 at one end only": func(t *testing.T, here *synctest.Mailbox, all []string) {
			if err := here.Delete(all[0]); err != nil {
				t.Fatal(err)
			}
		},
		"1 lost": func(t *testing.T, here *synctest.Mailbox, all []string) {
			if err := here.Delete(all[0]); err != nil {
				t.Fatal(err)
			}
		},
		"1 doubled or not deleted": func(t *testing.T, here *synctest.Mailbox, all []string) {
			if _, err := here.Copy(all[0], ".a"); err != nil {
				t.Fatal(err)
			}
		},
		"1 with other flags": func(t *testing.T, here *synctest.Mailbox, all []string) {
			if _, err := here.Flag(all[0], "DFRS"); err != nil {
				t.Fatal(err)
			}
		},
		"1 in another folder": func(t *testing.T, here *synctest.Mailbox, all []string) {
			if _, err := here.Move(all[0], ".elsewhere"); err != nil {
				t.Fatal(err)
			}
		},
		"1 at one end only, 1 of other content": func(t *testing.T, here *synctest.Mailbox, all []string) {
			if _, err := here.EditBody(all[0], "other\n"); err != nil {
				t.Fatal(err)
			}
		},
		"same, 1 with a changed header": func(t *testing.T, here *synctest.Mailbox, all []string) {
			if _, err := here.EditHeader(all[0], "X-TUID", "1"); err != nil {
				t.Fatal(err)
			}
		},
		// As OfflineIMAP has it: other names, an INBOX that is a folder, CRLF.
		"same ": func(t *testing.T, here *synctest.Mailbox, all []string) {
			for i, message := range all {
				content, err := os.ReadFile(here.Path(message))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(here.Path(message), []byte(strings.ReplaceAll(string(content), "\n", "\r\n")), 0o600); err != nil {
					t.Fatal(err)
				}
				folder := strings.TrimPrefix(filepath.Dir(filepath.Dir(message)), ".")
				if folder == "" {
					folder = "INBOX"
				}
				_, flags, _ := strings.Cut(message, ":2,")
				rename(t, here, message, filepath.Join(folder, "cur", string(rune('a'+i))+",U=1:2,"+flags))
			}
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			var roots [2]string
			for i := range roots {
				roots[i] = filepath.Join(t.TempDir(), "Mail")
				if _, err := synctest.Generate(roots[i], synctest.Options{Seed: 4, Messages: 12, Folders: 3, Tiny: true, NoCopies: true}); err != nil {
					t.Fatal(err)
				}
			}
			a, err := openAccount(roots[0])
			if err != nil {
				t.Fatal(err)
			}
			here := synctest.OpenMailbox(roots[1], "laptop")
			all, err := here.Messages("")
			if err != nil {
				t.Fatal(err)
			}
			do(t, here, all)
			if want == "1 lost" {
				roots[0] = roots[1]
			}
			got, err := a.verdict(roots[0], roots[1])
			if err != nil || got != strings.TrimSpace(want) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
