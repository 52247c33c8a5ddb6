//go:build nodbus || !(linux || freebsd || netbsd || openbsd)

package notify

import (
	"context"

	"github.com/gen2brain/beeep"
)

func init() { beeep.AppName = appName }

// fallback shows popups where there is no notification server on the bus: by
// notify-send or kdialog, or by what macOS has. They have no buttons and can't
// be replaced or withdrawn.
type fallback struct{ icon any } // PNG bytes, or a name in the icon theme

func newFallback(icon []byte) Sender {
	if icon == nil {
		return fallback{appName}
	}
	return fallback{icon}
}

// Show implements [Sender]. It returns when the program that shows the popup
// has, ctx or not.
func (f fallback) Show(_ context.Context, p Popup) (ID, error) {
	return 0, beeep.Notify(p.Title, p.Body, f.icon)
}

// Withdraw implements [Sender].
func (fallback) Withdraw(ID) error { return nil }
