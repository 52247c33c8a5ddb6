package remote

import "testing"

func TestExitErrorQuotesWhatWentWrong(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"":                             "the command ended with status 3",
		"hello\nno such command\n":     "the command ended with status 3: no such command",
		"smd: ERROR: one":              "the command ended with status 3: smd: ERROR: one",
		"smd: ERROR: one\nsmd: other":  "the command ended with status 3: smd: other",
		"a: ERROR: one\nb: ERROR: two": "the command ended with status 3: b: ERROR: two",
		"warning\nsmd: ERROR: open the mailbox: no such file\nsmd: ERROR: mount or create it\n": "the command ended with status 3: open the mailbox: no such file",
	} {
		if got := (&ExitError{Status: 3, Stderr: said}).Error(); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}
