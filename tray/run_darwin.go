//go:build darwin && cgo

package tray

import (
	"context"
	"strings"

	"fyne.io/systray"
)

// Run shows the icon and obeys its menu until the person quits or ctx is done;
// then it returns nil. It may be called once in a program's life, from the main
// goroutine.
func Run(ctx context.Context, c Controller, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	systray.Run(func() {
		f := newFace(c, o)
		go func() {
			defer close(done)
			f.serve(ctx, nil)
			cancel()
			f.close()
			systray.Quit()
		}()
	}, cancel)
	<-done
	return nil
}

// accessible is a title as this desktop's menus take it: they have no access keys.
func accessible(title string) string {
	return strings.NewReplacer("__", "_", "_", "").Replace(title)
}
