package serve

import (
	"errors"
	"io/fs"

	"smd-applet/sync/fault"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
)

// readUnsettled returns the contents of what a run the other way put in place here,
// and was cut before both ends agreed on. The other end has these messages: told of
// now, one that was moved since, at either end, would be new there, and two. They are
// left to the next run the other way, which knows them by the same list. Should the
// other end have deleted one in between, that run ends the list without it, and the
// one after it sends it.
func readUnsettled(files index.Files, old *index.Index) (map[maildir.Sum]bool, error) {
	list, err := index.ReadPlaced(files.Placed())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(maildir.KindOf(err), "read the list of what a run that was cut put in place", files.Placed(), err)
	}
	sums := make(map[maildir.Sum]bool, len(list))
	for _, p := range list {
		if _, agreedOn := old.Find(p.Name.String()); !agreedOn {
			sums[p.Sum] = true
		}
	}
	return sums, nil
}
