// Package phrase is what the program says to people on a screen, in their
// language: English, which stands in the source, German, French or Italian, which
// stand in po/*.po as gettext's translators know them.
//
// Logs, and what the command line prints, are English: programs read them too.
//
// A text is translated where it is used, as a literal in a call of [Book.Say] or
// [Book.SayN], or is marked by [Mark]; a test finds them all and tells which
// language lacks one. "_" stands before the letter that is a menu's access key.
package phrase
