// Package serve is the side of a run whose changes are sent: smd 1.3's server,
// at whichever end it runs. It scans the mailboxes, says what changed since the
// agreed state, answers requests for messages, and commits the new state.
package serve
