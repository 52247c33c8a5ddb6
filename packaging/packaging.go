// Package packaging holds what installs the applet on a desktop. What the
// program writes itself is embedded from here, so that there is one copy of it.
package packaging

import _ "embed"

// Autostart is the desktop entry that starts the applet at login. Its Exec is
// the bare program name. Packages install it as an example only: it is each
// user's to say whether the applet starts, and an administrator's who copies it to
// /etc/xdg/autostart/smd-applet.desktop.
//
//go:embed autostart/smd-applet-autostart.desktop
var Autostart []byte
