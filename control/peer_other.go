//go:build !linux && !darwin && !freebsd

package control

import "os"

// peerUID trusts the modes of the socket and its directory: there is no call for
// it here.
func peerUID(int) (int, error) { return os.Geteuid(), nil }
