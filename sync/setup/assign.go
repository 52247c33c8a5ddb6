package setup

import (
	"fmt"
	"regexp"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"smd-applet/sync/config"
)

// Assignment is a setting that a configuration is to have; one that is Unset is
// taken out.
type Assignment struct {
	Name, Value string
	Unset       bool
}

// edit returns a configuration with the assignments. One that is there gets the
// new value where it stands; one that is not is put below the comment that shows
// it, or at the end with the comment that explains it.
func edit(text string, set []Assignment) (string, error) {
	for _, a := range set {
		var err error
		if text, err = assign(text, a); err != nil {
			return "", err
		}
	}
	return text, nil
}

func assign(text string, a Assignment) (string, error) {
	at, err := find(text, a.Name)
	if err != nil {
		return "", err
	}
	if a.Unset {
		// From the last, so that the places of those before stay.
		for i := len(at) - 1; i >= 0; i-- {
			line := strings.LastIndexByte(text[:at[i].from], '\n') + 1
			end := at[i].to
			if n := strings.IndexByte(text[end:], '\n'); n >= 0 {
				end += n
			} else {
				end = len(text)
			}
			if strings.TrimSpace(text[line:at[i].from]) != "" || strings.Contains(text[at[i].from:at[i].to], "\n") {
				return "", fmt.Errorf("%s shares its line with something else: take it out by hand", a.Name)
			}
			text = text[:line] + "#" + text[line:end] + text[end:]
		}
		return text, nil
	}
	value, err := quote(a.Value)
	if err != nil {
		return "", fmt.Errorf("%s=%q: %w", a.Name, a.Value, err)
	}
	line := a.Name + "=" + value
	if len(at) > 0 {
		last := at[len(at)-1]
		return text[:last.from] + line + text[last.to:], nil
	}
	if shown := shownAs(a.Name).FindAllStringIndex(text, -1); shown != nil {
		end := shown[len(shown)-1][1]
		return text[:end] + line + "\n" + text[end:], nil
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	if about := config.Explanation(a.Name); about != "" && !strings.Contains(text, about) {
		if text != "" {
			text += "\n"
		}
		text += about
	}
	return text + line + "\n", nil
}

// shownAs finds the comment that shows a setting, as the template has it.
func shownAs(name string) *regexp.Regexp { return regexp.MustCompile(`(?m)^#` + name + `=.*\n`) }

type span struct{ from, to int }

// find returns where a configuration sets a name, outside of any condition.
func find(text, name string) ([]span, error) {
	script, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		return nil, err
	}
	var at []span
	add := func(assigns []*syntax.Assign) {
		for _, a := range assigns {
			if a.Name != nil && a.Name.Value == name && !a.Append && a.Array == nil {
				at = append(at, span{int(a.Pos().Offset()), int(a.End().Offset())})
			}
		}
	}
	for _, s := range script.Stmts {
		switch c := s.Cmd.(type) {
		case *syntax.CallExpr:
			if len(c.Args) == 0 {
				add(c.Assigns)
			}
		case *syntax.DeclClause:
			add(c.Args)
		}
	}
	return at, nil
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// quote writes a value for a shell: in double quotes where that does, as people
// write them.
func quote(value string) (string, error) {
	switch {
	case plain.MatchString(value):
		return value, nil
	case !strings.ContainsAny(value, "\"\\$`\n"):
		return `"` + value + `"`, nil
	}
	return syntax.Quote(value, syntax.LangPOSIX)
}
