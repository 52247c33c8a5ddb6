package smd2

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	"smd-applet/sync/fault"
)

// What is kept of a failure's texts, in bytes.
const (
	maxText = 1 << 10
	maxPath = 4 << 10
	maxWord = 64
)

// NewFailure puts an error into words for the other end. It ends the run; the
// caller may make it Fatal.
func NewFailure(err error) *Failure {
	e := fault.As(err)
	f := &Failure{Kind: string(e.Kind), Op: e.Op, Path: e.Path, Context: e.Context, Cause: e.Cause}
	if e.Hint != "" {
		f.Hint = e.WayOut()
	}
	var path *fs.PathError
	switch {
	case e.Err == nil:
	case errors.As(e.Err, &path) && path == e.Err && path.Path == e.Path:
		f.Text = path.Err.Error() // the path is named already
	default:
		f.Text = e.Err.Error()
	}
	f.Op, f.Path, f.Text, f.Hint = oneLine(f.Op, maxWord), oneLine(f.Path, maxPath), oneLine(f.Text, maxText), oneLine(f.Hint, maxText)
	return f
}

// told are the kinds that mean the same at either end. Others are about the other
// end's own links and bugs, or of a version to come.
var told = []fault.Kind{
	fault.Protocol, fault.DBMismatch, fault.Config, fault.Locked, fault.Permission, fault.DiskFull, fault.FolderVanished,
	fault.MailboxMissing, fault.Conflict, fault.ConcurrentEdit, fault.Held, fault.Damaged, fault.Translator, fault.Hook,
	fault.FileSystem, fault.Internal,
}

// Err is the failure as an error of this end. Kinds that this end does not know
// become [fault.RemoteFailed]. The texts are the other end's: they are bounded and
// without control characters, and nothing may be done by them.
func (f *Failure) Err() *fault.Error {
	kind := fault.Kind(f.Kind)
	if !slices.Contains(told, kind) {
		kind = fault.RemoteFailed
	}
	e := fault.New(kind, oneLine(f.Op, maxWord), oneLine(f.Path, maxPath), nil)
	e.Elsewhere = true
	e.Hint, e.Context, e.Cause = oneLine(f.Hint, maxText), word(f.Context), word(f.Cause)
	if text := oneLine(f.Text, maxText); text != "" {
		e.Err = errors.New("the other end says: " + text)
	}
	return e
}

// oneLine bounds a text and makes visible what a terminal would obey.
func oneLine(s string, most int) string {
	s = strings.ReplaceAll(strings.TrimSpace(clip(s, most)), "\n", "; ")
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// word is s where it has the form of SMD's tag words, or nothing.
func word(s string) string {
	if len(s) > maxWord || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return ""
	}
	return s
}
