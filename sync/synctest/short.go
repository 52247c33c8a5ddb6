package synctest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
)

// Deed is one thing that people or a delivery do at one of two ends.
type Deed struct {
	End  int // 0 or 1
	What string
}

func (d Deed) String() string { return fmt.Sprintf("%s at %d", d.What, d.End) }

// deeds are what may be done. All but the delivery are done to the first message
// there is, so that they meet.
var deeds = []string{"deliver", "flag", "move", "copy", "delete", "edit header", "rename folder"}

// ShortHistories are all sequences of one to most deeds at two ends.
func ShortHistories(most int) iter.Seq[[]Deed] {
	return func(yield func([]Deed) bool) {
		var extend func(so []Deed) bool
		extend = func(so []Deed) bool {
			if len(so) > 0 && !yield(so) {
				return false
			}
			if len(so) == most {
				return true
			}
			for end := range 2 {
				for _, what := range deeds {
					if !extend(append(slices.Clone(so), Deed{end, what})) {
						return false
					}
				}
			}
			return true
		}
		extend(nil)
	}
}

// Account keeps what may become of the messages of two ends that are synced
// after deeds.
type Account struct {
	known  map[[sha256.Size]byte]int  // how often it may be there
	mortal map[[sha256.Size]byte]bool // deleted or replaced
	number int
}

// OpenAccount begins with what a mailbox has.
func OpenAccount(m *Mailbox) (*Account, error) {
	a := &Account{known: make(map[[sha256.Size]byte]int), mortal: make(map[[sha256.Size]byte]bool)}
	c, err := TakeCensus(m.Root)
	for sum, n := range c.Contents() {
		a.known[sum] = n
	}
	return a, err
}

// Do does a deed in the mailbox of its end.
func (a *Account) Do(m *Mailbox, d Deed) error {
	a.number++
	if d.What == "deliver" {
		name, err := m.DeliverContent(".a", fmt.Appendf(nil, "Subject: new %d\n\nbody\n", a.number))
		return errors.Join(err, a.created(m, name))
	}
	all, err := m.Messages("")
	if err != nil || len(all) == 0 {
		return err
	}
	first := all[0]
	b, err := os.ReadFile(m.Path(first))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	switch d.What {
	case "flag":
		_, err = m.Flag(first, []string{"S", "F", "RS"}[a.number%3])
	case "move":
		_, err = m.Move(first, fmt.Sprintf(".to%d", a.number))
	case "copy":
		a.known[sum]++
		_, err = m.Copy(first, ".copies")
	case "delete":
		a.mortal[sum] = true
		err = m.Delete(first)
	case "edit header":
		a.mortal[sum] = true
		var name string
		if name, err = m.EditHeader(first, "X-Edit", fmt.Sprint(a.number)); err == nil {
			err = a.created(m, name)
		}
	case "rename folder":
		_, err = m.RenameFolder(".a", fmt.Sprintf(".renamed%d", a.number))
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // it was renamed before
		}
	}
	return err
}

func (a *Account) created(m *Mailbox, name string) error {
	b, err := os.ReadFile(m.Path(name))
	a.known[sha256.Sum256(b)]++
	return err
}

// Check says what is wrong with a mailbox at rest: what is lost, and what is there
// too often. "" is well.
func (a *Account) Check(c Census) string {
	if wrong := a.CheckAmong(c); wrong != "" {
		return wrong
	}
	counts := c.Contents()
	for sum, most := range a.known {
		if n := counts[sum]; n > most {
			return fmt.Sprintf("%x is there %d times, want %d at most", sum[:4], n, most)
		}
	}
	return ""
}

// CheckAmong says what is wrong with ends between two syncs: what none of them has,
// and what is no message.
func (a *Account) CheckAmong(ends ...Census) string {
	there := make(map[[sha256.Size]byte]bool)
	for _, c := range ends {
		for sum := range c.Contents() {
			if _, ok := a.known[sum]; !ok {
				return fmt.Sprintf("%x was never written whole", sum[:4])
			}
			there[sum] = true
		}
	}
	for sum := range a.known {
		if !there[sum] && !a.mortal[sum] {
			return fmt.Sprintf("%x is lost", sum[:4])
		}
	}
	return ""
}
