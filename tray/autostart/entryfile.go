package autostart

import "strings"

// parse returns the keys of the group [Desktop Entry], values as written.
func parse(content string) map[string]string {
	keys := map[string]string{}
	inGroup := false
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			inGroup = line == "[Desktop Entry]"
			continue
		}
		key, value, found := strings.Cut(line, "=")
		if inGroup && found && !strings.HasPrefix(line, "#") {
			keys[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return keys
}

// quoteArgument writes one argument of an Exec line (Desktop Entry
// Specification, "The Exec key"): in quotes when it has a character that is
// special to a shell, and with field codes doubled.
func quoteArgument(arg string) string {
	arg = strings.ReplaceAll(arg, "%", "%%")
	if !strings.ContainsAny(arg, " \t\n\"'\\><~|&;$*?#()`") {
		return arg
	}
	return `"` + strings.NewReplacer(`"`, `\"`, "`", "\\`", `$`, `\$`, `\`, `\\`).Replace(arg) + `"`
}

// escape writes a value of type string (Desktop Entry Specification, "Possible
// value types"). It comes after the quoting of an Exec line.
func escape(value string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(value)
}

// unescape is the inverse of escape.
func unescape(value string) string {
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\r`, "\r", `\s`, " ").Replace(value)
}
