package remote_test

import (
	"strings"
	"testing"

	"smd-applet/sync/remote"
)

func TestHosts(t *testing.T) {
	t.Parallel()
	got := remote.Hosts([]byte("User me\nHost mail *.example.org !bad\n  HostName x\nhost = work \"home\" # mine\nMatch host other\nHost mail\nHost *\n"))
	if want := "mail work home"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}
