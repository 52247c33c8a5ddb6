// Package notify decides which of the engine's events deserve a popup, and
// shows it.
//
// What to show is decided by a pure function over a small value (policy.go,
// text.go); how to show it is behind the two methods of [Sender]: over D-Bus
// with buttons, or with what else the system offers. [Run] connects the two.
package notify
