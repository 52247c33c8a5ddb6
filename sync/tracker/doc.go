// Package tracker knows what changed at this end since the agreed state: by one
// scan at the start, and then by looking only where something moved.
//
// What it knows lives in memory and in proportion to the change; the agreed state
// is in package agreed. After a crash the first scan finds it all again.
package tracker
