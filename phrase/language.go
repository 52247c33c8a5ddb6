package phrase

import "strings"

// For returns the book for an environment (as [os.Getenv] gives it), chosen as
// gettext does: by LANGUAGE, a list, unless the locale is C; else by LC_ALL,
// LC_MESSAGES or LANG, the first that is set.
func For(getenv func(string) string) *Book {
	locale := "C"
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := getenv(name); value != "" {
			locale = value
			break
		}
	}
	if name, _, _ := strings.Cut(locale, "."); name == "C" || name == "POSIX" {
		return English
	}
	for _, wanted := range append(strings.Split(getenv("LANGUAGE"), ":"), locale) {
		// language[_territory][.codeset][@modifier]
		language := wanted[:len(wanted)-len(strings.TrimLeft(wanted, "abcdefghijklmnopqrstuvwxyz"))]
		if language == "en" {
			return English
		}
		if b := open(language); b != nil {
			return b
		}
	}
	return English
}
