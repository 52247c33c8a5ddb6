package index_test

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
)

// A crash may leave the end of the list half written, a power cut anything in place of
// it: what is before that counts.
func TestReadPlaced(t *testing.T) {
	t.Parallel()
	want := []index.Placed{
		{Name: maildir.Name{Folder: "Mail", Sub: "cur", File: "1.a:2,S"}, Sum: maildir.Sum{Header: maildir.Digest{1}, Body: maildir.Digest{2}}, Since: 3},
		{Name: maildir.Name{Folder: "Mail/.\"odd\" one", Sub: "new", File: "2.b"}, Since: 4},
	}
	lines := want[0].Line() + want[1].Line()
	for name, end := range map[string]string{
		"whole": "", "half a line": lines[:len(lines)/4], "one endless line": strings.Repeat("\x00", 2*bufio.MaxScanTokenSize),
	} {
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, []byte(lines+end), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := index.ReadPlaced(path); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, want)
		}
	}
	if got, err := index.ReadPlaced(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("where there is none: %v, %v", got, err)
	}
}
