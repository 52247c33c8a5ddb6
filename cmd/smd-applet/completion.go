package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"smd-applet/sync/config"
)

// newCompletion stands in for cobra's own command, whose scripts complete
// smd-applet only and none of its links.
func newCompletion() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "print the script by which a shell completes commands, options and endpoints",
		Long: `print the script by which a shell completes commands, options and endpoints

The packages install it. Without them, in the file that the shell reads at its start:

  bash: source <(smd-applet completion bash)    # after bash-completion
  zsh:  source <(smd-applet completion zsh)
  fish: smd-applet completion fish | source`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return writeCompletion(cmd.Root(), args[0], cmd.OutOrStdout())
		},
	}
}

// writeCompletion writes cobra's script with every line that registers it for
// smd-applet registering it for the links too. The script asks the program it
// completes what may follow, by the name it is called by.
func writeCompletion(root *cobra.Command, shell string, out io.Writer) error {
	generate := map[string]func(io.Writer) error{
		"bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"zsh":  root.GenZshCompletion,
		"fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
	}[shell]
	var script strings.Builder
	if err := generate(&script); err != nil {
		return fmt.Errorf("make the script: %w", err)
	}
	all := root.Name() + " " + strings.Join(linked, " ")
	for line := range strings.Lines(script.String()) {
		command := strings.TrimLeft(line, " #")
		switch {
		case strings.HasPrefix(command, "compdef "), strings.HasPrefix(command, "complete -o "):
			line = strings.TrimSuffix(line, root.Name()+"\n") + all + "\n"
		case strings.HasPrefix(command, "complete -") && strings.Contains(line, "-c "+root.Name()+" "):
			for _, name := range linked {
				line += strings.Replace(command, "-c "+root.Name()+" ", "-c "+name+" ", 1)
			}
		}
		if _, err := io.WriteString(out, line); err != nil {
			return err
		}
	}
	return nil
}

// completeEndpoint offers the endpoints that have a configuration, for a
// command whose first argument is one.
func completeEndpoint(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	paths, err := config.DefaultPaths()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, err := config.Endpoints(paths)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
