package translate

import (
	"os"
	"strings"
	"testing"
	"time"
)

// A translator that never ends is ended, whatever it said.
func TestExternalHangs(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	x, err := newExternal([]string{self, "as", "hangs"}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if x.patience != answerWithin {
		t.Errorf("it may take %s", x.patience)
	}
	x.patience = 200 * time.Millisecond
	if to, err := x.translate("Mail/a"); err == nil || !strings.Contains(err.Error(), "did not end within 200ms") {
		t.Errorf("%q, %v", to, err)
	}
}
