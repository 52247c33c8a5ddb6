package tray

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// OpenFile shows a file with the program the person prefers for it: by
// xdg-open, else gio, else $VISUAL; on macOS by open. It waits for that program,
// which some of them are only when they are closed, but leaves it running when
// ctx is done. It fails when the file is missing or nothing can show it.
func OpenFile(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("show file: %w", err)
	}
	var failures []error
	for _, opener := range openers() {
		err := runViewer(ctx, append(opener, path))
		if err == nil || ctx.Err() != nil {
			return nil
		}
		failures = append(failures, err)
	}
	return fmt.Errorf("nothing could show %s, install xdg-utils or set VISUAL: %w", path, errors.Join(failures...))
}

func openers() [][]string {
	if runtime.GOOS == "darwin" {
		return [][]string{{"open"}}
	}
	list := [][]string{{"xdg-open"}, {"gio", "open"}}
	if visual := strings.Fields(os.Getenv("VISUAL")); len(visual) > 0 {
		list = append(list, visual)
	}
	return list
}

// runViewer starts a program and waits until it ends or ctx is done. The program
// is the person's from then on, so ctx does not end it.
func runViewer(ctx context.Context, argv []string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // reaps it, however long it takes
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%s: %w", argv[0], err)
		}
		return nil
	case <-ctx.Done():
		return nil
	}
}
