// Package twoway is smd/2 at work: two ends, each with a mailbox, its agreed
// state and its changes, and a session that brings them together
// (docs/protocol.md).
//
// The client ([Client]) decides, by package reconcile; the agent ([Agent]) tells
// its changes and does what it is told. Both carry ops out by the same [End].
package twoway
