//go:build !(linux || freebsd || openbsd || netbsd || (darwin && cgo))

package tray

import "context"

// Run returns [ErrUnsupported]: this program was built without a tray.
func Run(context.Context, Controller, Options) error { return ErrUnsupported }
