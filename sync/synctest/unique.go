package synctest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// deliveries numbers the names given by this process, so that no two are equal.
var deliveries atomic.Int64

// uniqueName is the Maildir name of a message delivered at t: no flags yet.
func uniqueName(t time.Time, pid int, seq int64, host string) string {
	return fmt.Sprintf("%d.M%dP%dQ%d.%s", t.Unix(), t.Nanosecond()/1000, pid, seq, host)
}

// freshName is a name no message has had before.
func freshName(host string) string {
	return uniqueName(time.Now(), os.Getpid(), deliveries.Add(1), host)
}

// splitName divides a file name into its unique part and its flags, sorted and
// each once.
func splitName(name string) (unique, flags string) {
	unique, flags, _ = strings.Cut(name, ":2,")
	return unique, sortFlags(flags)
}

func sortFlags(flags string) string {
	b := []byte(flags)
	slices.Sort(b)
	return string(slices.Compact(b))
}
