package reconcile_test

import (
	"testing"

	"smd-applet/sync/reconcile"
)

// BenchmarkReconcile decides about every pair of changes that two ends may have
// made to a message.
func BenchmarkReconcile(b *testing.B) {
	var here, there []*reconcile.Change
	for _, h := range kinds {
		for _, t := range kinds {
			here, there = append(here, change(h, true)), append(there, change(t, false))
		}
	}
	fresh := func() string { return "fresh" }
	b.ReportAllocs()
	for b.Loop() {
		for i := range here {
			reconcile.Existing(base, here[i], there[i], fresh)
		}
	}
}
