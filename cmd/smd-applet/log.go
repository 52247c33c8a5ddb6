package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
	"github.com/spf13/cobra"

	"smd-applet/sync/config"
)

func newLog() *cobra.Command {
	var follow bool
	var lines int
	cmd := &cobra.Command{
		Use:   "log [endpoint]",
		Short: "print the end of the log, of an endpoint's last run when one is named",
		Args:  cobra.MaximumNArgs(1), ValidArgsFunction: completeEndpoint,
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := config.DefaultPaths()
			if err != nil {
				return err
			}
			path := paths.LoopLog()
			if len(args) > 0 {
				if err := config.CheckEndpoint(args[0]); err != nil {
					return err
				}
				path = paths.ClientLog(args[0])
			}
			if follow {
				return followLog(cmd.Context(), path, lines, cmd.OutOrStdout())
			}
			_, err = copyEnd(path, lines, cmd.OutOrStdout())
			if errors.Is(err, fs.ErrNotExist) {
				fmt.Fprintf(os.Stderr, "smd-applet: there is no log yet: %s\n", path)
				return exitStatus(exitFailure)
			}
			return err
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is added")
	cmd.Flags().IntVarP(&lines, "lines", "n", 20, "how many lines to print at first")
	return cmd
}

// longestEnd bounds what is read for the last lines of a log.
const longestEnd = 1 << 20

// copyEnd prints the last lines of a file, and returns it open at its end.
func copyEnd(path string, lines int, out io.Writer) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil {
		_, err = f.Seek(max(0, st.Size()-longestEnd), io.SeekStart)
	}
	var text []byte
	if err == nil {
		text, err = io.ReadAll(f)
	}
	if err == nil {
		_, err = out.Write(lastLines(text, lines))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// lastLines is the end of a text that has up to n lines.
func lastLines(text []byte, n int) []byte {
	end := len(bytes.TrimSuffix(text, []byte("\n")))
	for range n {
		if end = bytes.LastIndexByte(text[:max(end, 0)], '\n'); end < 0 {
			return text
		}
	}
	return text[min(end+1, len(text)):]
}

// followLog prints the end of a log and what is added to it, until ctx ends; also
// when it is begun anew or another file takes its place.
func followLog(ctx context.Context, path string, lines int, out io.Writer) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch the log: %w", err)
	}
	defer watcher.Close()
	if err := watcher.Add(filepath.Dir(path)); err != nil {
		return fmt.Errorf("watch the log: %w", err)
	}
	f, err := copyEnd(path, lines, out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	defer func() { f.Close() }() // nil is told so
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-watcher.Errors:
			return fmt.Errorf("watch the log: %w", err)
		case event := <-watcher.Events:
			if event.Name != path {
				continue
			}
		}
		if f, err = copyMore(f, path, out); err != nil {
			return err
		}
	}
}

// copyMore prints what was added since f, which is at the end of what is known;
// then of the file that is at path now. It returns that one.
func copyMore(f *os.File, path string, out io.Writer) (*os.File, error) {
	if f != nil {
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return f, err
		}
		if st, err := f.Stat(); err == nil && st.Size() < at {
			if _, err := f.Seek(0, io.SeekStart); err != nil { // it was begun anew
				return f, err
			}
		}
		if _, err := io.Copy(out, f); err != nil {
			return f, err
		}
	}
	now, err := os.Open(path)
	if err != nil {
		return f, nil // between two files
	}
	if sameFile(f, now) {
		return f, now.Close()
	}
	f.Close()
	_, err = io.Copy(out, now)
	return now, err
}

func sameFile(a, b *os.File) bool {
	before, err := a.Stat()
	if err != nil {
		return false
	}
	after, err := b.Stat()
	return err == nil && os.SameFile(before, after)
}
