//go:build !(linux || freebsd || openbsd || netbsd)

package tray

import (
	"context"
	"runtime"
)

// HasHost reports whether tray icons are shown here.
func HasHost(context.Context) bool { return runtime.GOOS == "darwin" }
