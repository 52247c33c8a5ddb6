package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
)

// ballastSize is added to what the garbage collector takes for the program's
// memory.
const ballastSize = 64 << 20

// ballast is never touched, so the system gives no memory for it. It is there for
// the garbage collector, which lets garbage grow to a part of all memory: beside
// the little a small mailbox needs that part would be so small that a first sync
// spent a tenth of its time collecting, and a larger part would be too much beside
// the names of a large mailbox.
var ballast []byte

// saveMemory has garbage collected when a quarter more memory is taken than needed.
func saveMemory() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(25)
	ballast = make([]byte, ballastSize)
}

// spare is how much memory may lie idle between two runs.
const spare = 6 << 20

// giveBack gives memory that is not needed any more back to the system. Between
// two runs that did nothing there is hardly any, and it costs nothing.
func giveBack() {
	held := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(held)
	total := -len(ballast)
	for _, s := range held {
		total += int(s.Value.Uint64())
	}
	if total > spare {
		debug.FreeOSMemory()
	}
}
