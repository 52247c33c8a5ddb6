// Package desktoptest is a desktop without a screen for tests: a private bus, an
// X server, a panel and a notification daemon, real ones, in a home of their own.
//
// [StartBus] alone, with a [Watcher] in the panel's place, is fast and enough
// for most cases; [Start] brings up the whole desktop, where a [Desktop.Click]
// is one of a mouse. An applet under test is started with [Desktop.Launch] or as
// the test likes, and asked through its [Item].
//
// Everything is stopped when the test ends. A test whose programs are missing is
// skipped, and fails where CI is set. Screenshots stay in a temporary folder
// when a test fails or KEEP_SHOTS is set.
package desktoptest
