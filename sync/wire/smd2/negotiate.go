package smd2

import (
	"fmt"
	"slices"

	"smd-applet/sync/fault"
)

// Version is the one version of the protocol there is (docs/protocol.md).
const Version = 1

// Features are the optional abilities of this program: none yet.
var Features []string

// Negotiate finds what two ends have in common: the highest version that both
// speak and the features that both name, in the order of mine. Where there is no
// such version the error is of kind [fault.Protocol] and says which end to update;
// the caller may then fall back to smd 1.3.
func Negotiate(mine, theirs Hello) (version uint16, features []string, err error) {
	version = min(mine.Newest, theirs.Newest)
	if version < max(mine.Oldest, theirs.Oldest) {
		e := fault.New(fault.Protocol, "negotiate", "", fmt.Errorf("this end speaks smd/2 versions %s, the other end %s", span(mine), span(theirs)))
		e.Hint = "update smd-applet at the other end"
		if mine.Newest < theirs.Oldest {
			e.Hint = "update smd-applet at this end"
		}
		return 0, nil, e
	}
	for _, f := range mine.Features {
		if slices.Contains(theirs.Features, f) && !slices.Contains(features, f) {
			features = append(features, f)
		}
	}
	return version, features, nil
}

func span(h Hello) string { return fmt.Sprintf("%d to %d", h.Oldest, h.Newest) }
