package translate

import (
	"path"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/sync/config"
)

// FuzzAnswer: whatever a translator answers, the folder lies in one of the mailboxes
// of its end.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"Mail/.work/cur\n", "Mail/cur\n", "ERROR\nno such folder\n", "Mail/../../etc/cur\n", "/etc/cur\n", "Mailbox/cur\n",
		"Mail/./a/cur", "Mail//a/cur", "../Mail/cur", "Mail/a\x00/cur\n", "Mail/a\r/cur\n", "Mail/a/cur\nMail/b/cur\n", "cur", "/cur", "",
	} {
		f.Add([]byte(s))
	}
	e := &config.Endpoint{Mailboxes: []config.Mailbox{{Local: "Mail", Remote: "Maildir"}, {Local: "more/Mail", Remote: "more"}}}
	f.Fuzz(func(t *testing.T, said []byte) {
		for way, roots := range map[string][]string{"LR": {"Maildir", "more"}, "RL": {"Mail", "more/Mail"}} {
			to, err := confined(func(string) (string, error) {
				var out answer
				_, err := out.Write(said)
				return read(&out, &answer{}, err)
			}, e, way)("Mail/.a")
			if err != nil {
				continue
			}
			in := false
			for _, root := range roots {
				in = in || to == root || strings.HasPrefix(to, root+"/")
			}
			if !in || !filepath.IsLocal(to) || path.Clean(to) != to || strings.ContainsAny(to, "\x00\n\r") {
				t.Errorf("%q is taken for %q", said, to)
			}
		}
	})
}
