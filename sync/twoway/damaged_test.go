package twoway_test

import (
	"os"
	"testing"
)

// A message that became empty, or lost the end of its header, is replaced by the
// other end's copy, wherever the damage is; what is left of it is kept aside.
func TestDamageIsMended(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, left string }{{"empty", ""}, {"cut within its header", "Subject: th"}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, p *pair, damaged, sound *side, _ bool) {
				all, err := damaged.box.Messages(".lists")
				if err != nil {
					t.Fatal(err)
				}
				whole := string(read(t, sound.box.Path(all[0])))
				if err := os.WriteFile(damaged.box.Path(all[0]), []byte(c.left), 0o600); err != nil {
					t.Fatal(err)
				}
				if r := p.mustSync(); r.There.Deleted+r.Here.Deleted > 0 {
					t.Errorf("damage was taken for a deletion: %+v", r)
				}
				for _, s := range []*side{damaged, sound} {
					if got := string(read(t, s.box.Path(all[0]))); got != whole {
						t.Errorf("at %s it is %q, want it whole", s.home, got)
					}
				}
				want := 12
				if c.left != "" {
					want++ // kept aside
				}
				if damaged.count(".lists") != want || sound.count(".lists") != 12 {
					t.Errorf("%d and %d messages, want %d and 12", damaged.count(".lists"), sound.count(".lists"), want)
				}
				p.mustSync() // and comes to rest
			})
		})
	}
}

// A file that never was a whole message is not sent, and does not keep the ends
// from coming to rest.
func TestNoMessageIsNotSent(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, p *pair, one, other *side, _ bool) {
		if _, err := one.box.DeliverContent(".lists", []byte("no header")); err != nil {
			t.Fatal(err)
		}
		if p.mustSync(); other.count(".lists") != 12 {
			t.Errorf("%d messages at the other end, want 12", other.count(".lists"))
		}
	})
}
