// Package deploy puts the program on a server, over a login there that can do
// nothing but run a POSIX shell.
//
// The server is asked first and changed last: the program goes to a temporary
// name, is checked and tried there, and only then takes its place, by a rename.
// Whatever fails, what was installed before is still there and still runs.
package deploy
