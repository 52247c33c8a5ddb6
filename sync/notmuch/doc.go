// Package notmuch lets notmuch know what a run did to messages: by notmuch new,
// which looks for what changed, or by naming just the files touched.
//
// What a run touches is noted in a [Journal] first and forgotten when notmuch
// knows, so a failure or a crash is made good by the next [Update].
package notmuch
