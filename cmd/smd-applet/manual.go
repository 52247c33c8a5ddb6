package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// newManual prints what of the manual the commands themselves tell, so that no
// option is missing there; packaging/install puts behind it what packaging/man
// has for that page.
func newManual() *cobra.Command {
	return &cobra.Command{
		Use:       "manual name",
		Short:     "print the manual page of smd-applet, or of a name that links to it, in mdoc",
		Hidden:    true,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: append([]string{"smd-applet"}, linked...),
		RunE: func(cmd *cobra.Command, args []string) error {
			date, err := sourceDate()
			if err != nil {
				return err
			}
			root, page := cmd.Root(), mdoc{}
			if args[0] == root.Name() {
				programPage(&page, root, date)
			} else {
				linkPage(&page, root, args[0], date)
			}
			_, err = io.WriteString(cmd.OutOrStdout(), page.String())
			return err
		},
	}
}

// sourceDate is the date of what is built, where that is told: the same sources
// have to give the same page (reproducible-builds.org).
func sourceDate() (time.Time, error) {
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		return time.Now(), nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// programPage is smd-applet(1): the applet, and every command that has no page
// of its own.
func programPage(page *mdoc, root *cobra.Command, date time.Time) {
	own := make(map[*cobra.Command]string)
	for _, link := range linked {
		own[linkedCommand(root, link)] = link
	}
	page.head(root.Name(), root.Short, date)
	page.line(".Nm")
	page.line(".Op Ar command Op Ar argument ...")
	page.line(".Sh DESCRIPTION")
	applet := linkedCommand(root, "applet")
	page.description(applet)
	page.options(applet)
	page.line(".Sh COMMANDS")
	page.line(".Bl -tag -width Ds")
	for _, c := range root.Commands() {
		if c == applet || own[c] != "" || !c.IsAvailableCommand() {
			continue
		}
		page.line(".It Cm " + c.Name() + usage(c))
		page.description(c)
		page.options(c)
	}
	page.line(".El")
	page.line(".Pp")
	page.line("These are programs too, with a page of their own:")
	for i, link := range linked {
		end := " ,"
		if i == len(linked)-1 {
			end = " ."
		}
		page.line(".Xr " + link + " 1" + end)
	}
}

// linkPage is the page of a command that is a program of its own name too.
func linkPage(page *mdoc, root *cobra.Command, link string, date time.Time) {
	c := linkedCommand(root, link)
	page.head(link, c.Short, date)
	page.line(".Nm")
	if rest := strings.TrimSpace(usage(c)); rest != "" {
		page.line("." + rest) // it begins with a macro
	}
	page.line(".Sh DESCRIPTION")
	page.description(c)
	page.options(c)
}

// linkedCommand returns the command that a name of the program stands for.
func linkedCommand(root *cobra.Command, name string) *cobra.Command {
	name = strings.TrimPrefix(name, "smd-")
	i := slices.IndexFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
	return root.Commands()[i] // every name in linked has one
}
