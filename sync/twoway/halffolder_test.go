package twoway_test

import (
	"os"
	"path/filepath"
	"testing"
)

// A folder that a crash left without one of its directories is completed, also
// where both ends agree that it is there.
func TestHalfMadeFolderIsCompleted(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{"cur", "new"} {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, p *pair, half, whole *side, _ bool) {
				if err := whole.box.AddFolder(".empty"); err != nil {
					t.Fatal(err)
				}
				p.mustSync()
				gone := filepath.Join(half.box.Path(".empty"), missing)
				if err := os.Remove(gone); err != nil {
					t.Fatal(err)
				}
				p.mustSync()
				if st, err := os.Stat(gone); err != nil || !st.IsDir() {
					t.Errorf("%s: %v, want a directory", gone, err)
				}
			})
		})
	}
}

// So it is for a message that was read at the other end.
func TestFlagsInHalfMadeFolder(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, p *pair, half, whole *side, _ bool) {
		message, err := whole.box.DeliverContent(".lists", []byte("Subject: read\n\nbody\n"))
		if err != nil {
			t.Fatal(err)
		}
		p.mustSync()
		if err := os.Remove(filepath.Join(half.box.Path(".lists"), "cur")); err != nil {
			t.Fatal(err)
		}
		read, err := whole.box.Flag(message, "S")
		if err != nil {
			t.Fatal(err)
		}
		p.mustSync()
		if _, err := os.Stat(half.box.Path(read)); err != nil {
			t.Error(err)
		}
	})
}
