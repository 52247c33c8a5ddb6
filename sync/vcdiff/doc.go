// Package vcdiff reads and writes VCDIFF (RFC 3284), the format in which smd 1.3
// sends the difference of two db-files.
//
// [Encode] writes plain RFC 3284, which any decoder takes. [Decode] also takes
// what xdelta3 makes: an application header, an Adler-32 checksum a window, and
// LZMA secondary compression (smd 1.3, spec §4). A patch is a peer's word: every
// size is checked before memory is taken.
package vcdiff

import "errors"

// ErrFormat is what a patch that breaks the format is refused with;
// ErrUnsupported one that uses a part of it that smd never does.
var (
	ErrFormat      = errors.New("bad VCDIFF patch")
	ErrUnsupported = errors.New("unsupported VCDIFF patch")
)

// Bits and numbers of RFC 3284 §4, and of xdelta3.
const (
	hasSecondary  = 0x01 // Hdr_Indicator: VCD_DECOMPRESS
	hasCodeTable  = 0x02 // VCD_CODETABLE
	hasAppHeader  = 0x04 // xdelta3's VCD_APPHEADER
	winSource     = 0x01 // Win_Indicator: VCD_SOURCE
	winTarget     = 0x02 // VCD_TARGET
	winAdler      = 0x04 // xdelta3's VCD_ADLER32
	secondaryDJW  = 1
	secondaryLZMA = 2
	secondaryFGK  = 16
)

var magic = [4]byte{0xd6, 0xc3, 0xc4, 0}

// The types of instructions (RFC 3284 §5.4).
const (
	noop = iota
	add
	run
	copying
)

const (
	nearSlots = 4
	sameSlots = 3
	copyModes = 2 + nearSlots + sameSlots
)
