package config_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smd-applet/sync/config"
	"smd-applet/sync/fault"
)

// loadWith loads a good configuration with more lines at its end.
func loadWith(ctx context.Context, t *testing.T, more string) (*config.Endpoint, error) {
	t.Helper()
	p := config.Paths{Home: t.TempDir()}
	if err := p.Make(); err != nil {
		t.Fatal(err)
	}
	src := "SERVERNAME=box\nCLIENTNAME=laptop\nMAILBOX=Mail\n" + more
	if err := os.WriteFile(p.Config("work"), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(ctx, p, "work")
}

func TestPercentages(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"NaN%", "Inf%", "0x1p3%", "0%", "-1%", "101%"} {
		if e, err := loadWith(t.Context(), t, "MAX_DELETE="+v+"\n"); err == nil {
			t.Errorf("MAX_DELETE=%s is taken for %v", v, e.MaxDeletePercent)
		}
	}
}

// TestDBFileOfBlank: SMD's own state is found for a mailbox with a blank.
func TestDBFileOfBlank(t *testing.T) {
	t.Parallel()
	e, err := loadWith(t.Context(), t, "MAILBOX=My%20Mail\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := config.DBFile(e.ClientName, e.RemoteMailboxes()); got != "laptop__My_20Mail.db.txt" {
		t.Error(got)
	}
}

func TestTagsOfAnAbsoluteMailbox(t *testing.T) {
	t.Parallel()
	_, err := loadWith(t.Context(), t, "MAILBOX=/Mail\n")
	if c, cause := fault.As(err).Tags(); c+"/"+cause != "main/mailbox-has--absolute-path" {
		t.Errorf("%s/%s", c, cause)
	}
}

func TestLoadCalledOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := loadWith(ctx, t, ""); err == nil || strings.Contains(err.Error(), "more than 10s") {
		t.Error(err)
	}
}

// TestLastConditionIsFalse: that says nothing about the configuration.
func TestLastConditionIsFalse(t *testing.T) {
	t.Parallel()
	if _, err := loadWith(t.Context(), t, "[ -f /none ] && DEBUG=true\n"); err != nil {
		t.Error(err)
	}
}

func TestEndpointsOfAnOddHome(t *testing.T) {
	t.Parallel()
	p := config.Paths{Home: filepath.Join(t.TempDir(), "a[b]")}
	if err := p.Make(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.Config("work"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := config.Endpoints(p); len(got) != 1 {
		t.Errorf("%q, %v", got, err)
	}
}
