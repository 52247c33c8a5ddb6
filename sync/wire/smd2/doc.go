// Package smd2 is the wire of smd/2, the two-way dialect between two of our own
// (docs/protocol.md): frames of bounded size, CBOR messages, zstd.
package smd2
