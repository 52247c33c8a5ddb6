package notify

import "strings"

// markup has only the entities every server knows: GNOME's shows the numeric
// ones of html.EscapeString as they stand.
var markup = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// escape makes a body that a server with body-markup shows as plain says.
func escape(plain string) string { return markup.Replace(plain) }
