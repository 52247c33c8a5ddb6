package config_test

import (
	"slices"
	"testing"

	"smd-applet/sync/config"
)

func TestFindUnread(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		want   []config.Unread
	}{
		"all is read": {minimal + "EXCLUDE=$MAILBOX/.Spam\n", nil},
		"slips": {
			minimal + "EXLCUDE=Mail/a\nexclude_locale=x\nMAXDELETE=1\nMAILBOX_LOCAl=y\nexport SERVERNAM=z\n",
			[]config.Unread{{"EXLCUDE", "EXCLUDE"}, {"exclude_locale", "EXCLUDE_LOCAL"}, {"MAXDELETE", "MAX_DELETE"}, {"MAILBOX_LOCAl", "MAILBOX_LOCAL"}, {"SERVERNAM", "SERVERNAME"}},
		},
		"like nothing":      {minimal + "COLOUR=green\nCOLOUR=blue\n", []config.Unread{{"COLOUR", ""}}},
		"used further down": {minimal + "box=Mail\nMAILBOX=${box}\n", nil},
		"for a command":     {minimal + "CLIENTNAME=$(LC_ALL=C hostname)\n", nil},
		"in a branch":       {minimal + "if true; then SHH=native; fi\n", []config.Unread{{"SHH", "SSH"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := config.FindUnread(write(t, c.script), "work")
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%v, %v, want %v", got, err, c.want)
			}
		})
	}
	p := write(t, "EXCLUDE='\n")
	_, err := config.FindUnread(p, "work")
	checkEdit(t, err, p.Config("work"))
}

// TestLoadTellsAll: one look says everything that is wrong.
func TestLoadTellsAll(t *testing.T) {
	t.Parallel()
	p := write(t, "CLIENTNAME=-n\nMAILBOX=/Mail\nSSH=putty\nMAX_DELETE=few\n")
	_, err := config.Load(t.Context(), p, "work")
	checkEdit(t, err, p.Config("work"), "SERVERNAME is not set", "CLIENTNAME", "mailbox-has--absolute-path", "putty", "few")
}
