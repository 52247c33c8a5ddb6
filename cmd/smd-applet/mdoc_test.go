package main

import (
	"testing"
	"time"

	"github.com/spf13/cobra"
)

func TestManualPage(t *testing.T) {
	t.Parallel()
	root := &cobra.Command{Use: "smd-applet"}
	pull := &cobra.Command{
		Use:   "pull [endpoint]",
		Short: "fetch what is new",
		Long: `fetch what is new

First sentence. Second one,
.hidden files too; a \ and a - stay.

  smd-pull -v | less`,
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	pull.Flags().BoolP("verbose", "v", false, "say more")
	pull.Flags().String("header", "X-A", "look for `NAME`")
	root.AddCommand(pull)
	const want = `.Dd November 5, 2026
.Dt SMD-PULL 1
.Os
.Sh NAME
.Nm smd-pull
.Nd fetch what is new
.Sh SYNOPSIS
.Nm
.Oo Ar options Oc Ar [endpoint]
.Sh DESCRIPTION
Fetch what is new.
.Pp
First sentence.
Second one,
\&.hidden files too; a \e and a \- stay.
.Bd -literal -offset indent
smd\-pull \-v | less
.Ed
.Bl -tag -width Ds
.It Fl \-header Ar NAME
Look for NAME; by default X\-A.
.It Fl v , Fl \-verbose
Say more.
.El
`
	var page mdoc
	linkPage(&page, root, "smd-pull", time.Date(2026, time.November, 5, 0, 0, 0, 0, time.UTC))
	if got := page.String(); got != want {
		t.Errorf("the page is\n%s\nwant\n%s", got, want)
	}
}
