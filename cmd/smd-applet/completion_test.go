package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smd-applet/desktoptest"
	"smd-applet/sync/synctest"
)

// Each shell loads the script and completes an endpoint's name behind a link,
// as at a press of Tab.
func TestShellsComplete(t *testing.T) {
	t.Parallel()
	bin := synctest.BuildBinary(t)
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".smd"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config.work", "config.workshop", "config.home", "loop"} {
		if err := os.WriteFile(filepath.Join(home, ".smd", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct{ shell, script string }{
		"bash": {"bash", `
			. /usr/share/bash-completion/bash_completion
			. <(smd-applet completion bash)
			complete -p smd-pull mddiff >/dev/null || exit
			COMP_WORDS=(smd-pull wo) COMP_CWORD=1 COMP_LINE="smd-pull wo" COMP_POINT=11
			__start_smd-applet smd-pull wo smd-pull
			printf '%s\n' "${COMPREPLY[@]}"`},
		"fish": {"fish", `
			smd-applet completion fish | source
			complete -C "smd-pull wo"`},
		// Its completion needs a terminal: what is loaded, and what that asks.
		"zsh": {"zsh", `
			autoload -U compinit && compinit -u -D
			. <(smd-applet completion zsh)
			[ "$_comps[smd-pull] $_comps[mddiff]" = "_smd-applet _smd-applet" ] || exit
			smd-pull __completeNoDesc wo | grep '^wo'`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			desktoptest.Needs(t, tc.shell)
			cmd := exec.CommandContext(t.Context(), tc.shell, "-c", tc.script)
			cmd.Env = append(os.Environ(), "HOME="+home, "PATH="+bin+":"+os.Getenv("PATH"))
			out, err := cmd.Output()
			if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, []string{"work", "workshop"}) {
				t.Errorf("smd-pull wo<Tab>: %v, %v", got, err)
			}
		})
	}
}
