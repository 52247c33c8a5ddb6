package twoway_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"smd-applet/sync/agreed"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
)

// A state that a crash left half imported is begun anew, by what SMD agreed on since.
func TestHalfAnImport(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		smd  bool // SMD's state is still there
		want []string
	}{{"it is taken up", true, []string{"1"}}, {"SMD's state is gone", false, nil}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSide(t, "host")
			db, err := agreed.Open(filepath.Join(s.home, "state"))
			if err != nil {
				t.Fatal(err)
			}
			err = db.Update(func(tx *agreed.Tx) error {
				return tx.Put(agreed.Key{Folder: "Mail", Unique: "of before"}, agreed.Record{Mark: agreed.Mark{Sub: "cur"}})
			})
			if err := errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
			if c.smd {
				e := index.Entry{Name: "Mail/cur/1:2,S", Sum: maildir.Sum{Header: [20]byte{1}, Body: [20]byte{2}}}
				if err := os.WriteFile(filepath.Join(s.home, "smd.db.txt"), e.AppendLine(nil), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, when := range []string{"first", "again"} { // what is imported stays
				end, err := s.open()
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				err = end.DB.Update(func(tx *agreed.Tx) error {
					for unique := range tx.Each("Mail") {
						got = append(got, unique)
					}
					return tx.Put(agreed.Key{Folder: "Mail", Unique: "of later"}, agreed.Record{Mark: agreed.Mark{Sub: "cur"}})
				})
				if err := errors.Join(err, closeEnd(end)); err != nil {
					t.Fatal(err)
				}
				want := len(c.want)
				if when == "again" {
					want++
				}
				if len(got) != want || want > 0 && c.smd && got[0] != c.want[0] {
					t.Errorf("%s: the state holds %q, want %q", when, got, c.want)
				}
			}
		})
	}
}
