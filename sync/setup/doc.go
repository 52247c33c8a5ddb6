// Package setup turns what is found at both ends, and what a person answers, into
// the files that set an endpoint up. It is pure: it asks nobody and writes
// nothing.
//
// A file that is there is edited, never replaced: only the values that differ
// change; comments, other settings and what the program does not understand stay
// as they are.
package setup
