package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// linked are the names the program goes by beside its own: those of
// syncmaildir's programs. This is the list that Makefile, packages, completions
// and tests go by.
var linked = []string{
	"smd-pull", "smd-push", "smd-loop", "smd-server", "smd-client", "smd-translate", "smd-restricted-shell", "smd-strip-header",
	"smd-uniform-names", "smd-check-conf", "mddiff",
}

func newLinks() *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:   "links [directory]",
		Short: "make smd-pull, smd-push and the others, as links to this program; without a directory list them",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.Join(linked, "\n"))
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			kept, err := makeLinks(self, args[0], keep)
			if err != nil {
				return err
			}
			for _, name := range kept {
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), name); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave what leads to another program, and print its name")
	return cmd
}

// makeLinks links every name in dir to program. A link that is there is left or
// put right; a file is somebody's, and an error. With keep what is not a link to
// smd-applet is left as it is, and returned.
func makeLinks(program, dir string, keep bool) (kept []string, err error) {
	target := program
	if filepath.Dir(program) == filepath.Clean(dir) {
		target = filepath.Base(program)
	}
	for _, name := range linked {
		path := filepath.Join(dir, name)
		if to, err := os.Readlink(path); keep && !errors.Is(err, fs.ErrNotExist) && filepath.Base(to) != "smd-applet" {
			kept = append(kept, name)
			continue
		}
		switch st, err := os.Lstat(path); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return kept, err
		case st.Mode().Type() != fs.ModeSymlink:
			return kept, fmt.Errorf("%s is a program of its own: move it away first", path)
		default:
			if err := os.Remove(path); err != nil {
				return kept, err
			}
		}
		if err := os.Symlink(target, path); err != nil {
			return kept, err
		}
	}
	return kept, nil
}
