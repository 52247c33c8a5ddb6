package twoway

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fxamacker/cbor/v2"

	"smd-applet/sync/agreed"
	"smd-applet/sync/durable"
	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
)

// maxBrought bounds what is read of the list: of runs that fail again and again.
const maxBrought = 64 << 10

// broughtDir is where the list is, beside the agreed state: a file for each time that
// something was added.
//
// No file of it is made durable. What a process wrote outlives its being killed, and
// that is what the list is for. What a power cut takes of it, or leaves half written,
// costs a second copy of what was moved or edited afterwards, and only of the messages
// under way that the same cut spared: to wait for the disk once more for each batch, in
// every run, would be dear for that.
func broughtDir(db *agreed.DB) string { return db.Path() + ".brought" }

// segment is a file of the list. It goes when both ends have agreed on all it names, so
// that the list is as long as what is under way, and not as a first sync.
type segment struct {
	path string
	list []brought // to be written
	open int       // of its tasks, those not agreed on
	told uint64    // the last id that was sent when the agent was told to agree on it
}

// newSegment begins a segment of about that many messages.
func (e *End) newSegment(size int) *segment {
	return &segment{path: filepath.Join(broughtDir(e.DB), unique()), list: make([]brought, 0, size)}
}

// line is a message of the list as a file has it: flat, for a first sync writes many.
type line struct {
	_                         struct{} `cbor:",toarray"`
	Folder, Unique, Sub, Info string
	Header, Body              []byte // none of what was not read
	Size, Since               int64
	Early, Dropped, Theirs    bool
}

// Names need not be UTF-8.
var (
	broughtEncoder, _ = cbor.EncOptions{String: cbor.StringToByteString}.EncMode()
	broughtDecoder, _ = cbor.DecOptions{ByteStringToString: cbor.ByteStringToStringAllowed}.DecMode()
)

func encodeList(list []brought) ([]byte, error) {
	lines := make([]line, len(list))
	for i := range list {
		b := &list[i]
		lines[i] = line{
			Folder: b.Key.Folder, Unique: b.Key.Unique, Sub: b.Mark.Sub, Info: b.Mark.Info, Size: b.Size,
			Since: b.Since, Early: b.Early, Dropped: b.Dropped, Theirs: b.Theirs,
		}
		if b.Sum != agreed.Unread {
			lines[i].Header, lines[i].Body = b.Sum.Header[:], b.Sum.Body[:]
		}
	}
	return broughtEncoder.Marshal(lines)
}

// decodeList is the inverse of encodeList.
func decodeList(content []byte) ([]brought, error) {
	var lines []line
	if err := broughtDecoder.Unmarshal(content, &lines); err != nil {
		return nil, err
	}
	list := make([]brought, len(lines))
	for i, l := range lines {
		b := &list[i]
		b.Key, b.Mark, b.Size = agreed.Key{Folder: l.Folder, Unique: l.Unique}, agreed.Mark{Sub: l.Sub, Info: l.Info}, l.Size
		b.Since, b.Early, b.Dropped, b.Theirs = l.Since, l.Early, l.Dropped, l.Theirs
		if len(l.Header)+len(l.Body) > 0 {
			if err := errors.Join(b.Sum.Header.UnmarshalBinary(l.Header), b.Sum.Body.UnmarshalBinary(l.Body)); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// write puts a segment on the list, unless it names nothing.
func (s *segment) write() error {
	if len(s.list) == 0 {
		return nil
	}
	b, err := encodeList(s.list)
	if err == nil {
		err = durable.Step("list", s.path, "")
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(s.path), 0o700)
	}
	if err == nil {
		err = os.WriteFile(s.path, b, 0o600)
	}
	if err != nil {
		return fault.New(maildir.KindOf(err), "write", s.path, err)
	}
	s.list = nil
	return nil
}

// remove takes a segment off the list.
func (s *segment) remove() error {
	err := durable.Step("unlist", s.path, "")
	if err == nil {
		err = os.Remove(s.path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(maildir.KindOf(err), "remove", s.path, err)
	}
	return nil
}

// readList reads the list that an earlier run left, and of which files it is.
func (e *End) readList() (all map[agreed.Key]brought, files []*segment, err error) {
	all = make(map[agreed.Key]brought)
	dir := broughtDir(e.DB)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fault.New(maildir.KindOf(err), "list", dir, err)
	}
	for _, entry := range entries {
		s := &segment{path: filepath.Join(dir, entry.Name())}
		files = append(files, s)
		b, err := os.ReadFile(s.path)
		if err != nil {
			return nil, nil, fault.New(maildir.KindOf(err), "read", s.path, err)
		}
		part, err := decodeList(b)
		if err != nil {
			continue // half written: nothing of it happened
		}
		for _, b := range part {
			was, known := all[b.Key]
			switch {
			case !known && len(all) >= maxBrought:
			case known && (b.Theirs || was.Early && !b.Early || was.Since > b.Since):
			default:
				all[b.Key] = b
			}
		}
	}
	return all, files, nil
}

// relist writes what is left of a list into one file, and removes those it was in.
func (e *End) relist(rest []brought, files []*segment) error {
	s := e.newSegment(0)
	s.list = rest
	err := s.write()
	for _, file := range files {
		if err == nil {
			err = file.remove()
		}
	}
	return err
}

// unlist removes the list: all of it is agreed on, or is of no more use.
func unlist(db *agreed.DB) error {
	dir := broughtDir(db)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := durable.Step("unlist", dir, "")
	if err == nil {
		err = os.RemoveAll(dir)
	}
	if err != nil {
		return fault.New(maildir.KindOf(err), "remove", dir, err)
	}
	return nil
}
