package phrase

import "smd-applet/sync/fault"

// Summary is [fault.Error.Summary] in this language.
func (b *Book) Summary(e *fault.Error) string { return b.Word(e.Summary()) }

// WayOut is [fault.Error.WayOut] in this language.
func (b *Book) WayOut(e *fault.Error) string { return e.WayOutBy(b.Word) }
