// Command smd-applet keeps a Maildir the same on a laptop and a mail server. It
// is one program under many names: called as smd-pull, smd-server and so on it
// takes that program's options; called as smd-applet it takes them as
// subcommands.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	saveMemory()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args))
}
