package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// evaluateFor is how long a configuration may take: commands such as
// $(hostname) may run in it.
const evaluateFor = 10 * time.Second

// evaluate runs a configuration as the shell script it is and returns its
// variables, and whether they would be the same another time.
func evaluate(ctx context.Context, home, file string, src []byte) (vars map[string]string, same bool, err error) {
	script, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(string(src)), file)
	if err != nil {
		return nil, false, err // it names file, line and column
	}
	ctx, cancel := context.WithTimeout(ctx, evaluateFor)
	defer cancel()
	env := append(os.Environ(), "HOME="+home)
	for _, own := range settings {
		env = append(env, own+"=") // never from the environment
	}
	var stderr strings.Builder
	run, err := interp.New(
		interp.Env(expand.ListEnviron(env...)), interp.Dir(home),
		interp.StdIO(nil, io.Discard, &stderr),
	)
	if err != nil {
		return nil, false, fmt.Errorf("prepare to evaluate: %w", err)
	}
	if err := run.Run(ctx, script); err != nil && !(endsInCondition(script) && stderr.Len() == 0 && ctx.Err() == nil) {
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, false, ctx.Err()
		}
		if ctx.Err() != nil {
			return nil, false, fmt.Errorf("evaluating it takes more than %v: %w", evaluateFor, ctx.Err())
		}
		return nil, false, fmt.Errorf("evaluating it failed: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	vars = make(map[string]string)
	for _, name := range settings {
		if v, ok := run.Vars[name]; ok {
			vars[name] = v.String()
		}
	}
	return vars, constant(script), nil
}

// endsInCondition reports whether the last command's status is that of a
// condition, which says nothing of the script: [ -f x ] && DEBUG=true.
func endsInCondition(script *syntax.File) bool {
	if len(script.Stmts) == 0 {
		return false
	}
	_, is := script.Stmts[len(script.Stmts)-1].Cmd.(*syntax.BinaryCmd)
	return is
}

// settings are the variables a configuration may set.
var settings = []string{
	"SERVERNAME", "CLIENTNAME", "MAILBOX", "MAILBOX_LOCAL", "MAILBOX_REMOTE", "TRANSLATOR_LR", "TRANSLATOR_RL",
	"EXCLUDE", "EXCLUDE_LOCAL", "EXCLUDE_REMOTE", "SMDCLIENTOPTS", "SMDSERVEROPTS", "DEBUG",
	"ON_CONFLICT", "MAX_DELETE", "NOTIFY_NEW_MAIL", "SSH", "REMOTE_PROGRAM", "SUBSCRIBED_ONLY", "SYNC_ON_METERED", "NOTMUCH",
	"PROTOCOL", "LIMIT_UP", "LIMIT_DOWN",
}
