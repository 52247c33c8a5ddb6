// Package agreed is the agreed state of smd/2: what two ends last had in common,
// as each of them keeps it, one file an endpoint.
//
// A message at rest has a [Key], its folder and unique name; what may change of
// it is its [Mark] (new or cur, flags) and its [Sum] (content). The state also
// keeps what this end's file system said of the file, so that a scan reads only
// what is new.
package agreed
