// Package synctest holds what tests of the sync core and the demo share: a
// maker of realistic mailboxes, a census that proves two of them equal, the
// changes mail programs make, a real OpenSSH server on loopback, a link that
// can be cut, stalled and delayed, and the built program under all its names.
//
// It uses the [TB] interface instead of package testing, so that the demo can
// import it without carrying the test framework into the binary.
package synctest

// TB is the part of testing.TB that this package needs.
type TB interface {
	Helper()
	Cleanup(func())
	TempDir() string
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}
