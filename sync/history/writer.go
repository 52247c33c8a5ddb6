package history

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	stdsync "sync"
	"time"

	"smd-applet/sync/hooks"
)

// Bounds, in bytes unless it says something else.
const (
	// KeptDays is how many days are kept.
	KeptDays = 30
	// maxKept bounds the whole history: the oldest days go first.
	maxKept = 32 << 20
	// maxDay bounds one day's: what comes after is counted, not named.
	maxDay = maxKept / 2
	// maxRead is of how many messages a run looks for the Message-ID. With more, it
	// is a first sync or the like, and their names are enough.
	maxRead = 1000
	// flushAt is when the text is written.
	flushAt = 64 << 10
)

// Writer takes down one run. Nil takes down nothing.
type Writer struct {
	dir, home string
	run       Run
	ends      *Ends

	mu      stdsync.Mutex
	text    bytes.Buffer
	packer  packer
	waiting int // changes in text
	changed bool
	read    int               // messages looked into
	leaving map[string]string // the IDs of messages about to be removed, by path
	unnamed int
	err     error
}

// Begin begins a run's history in dir. Messages are looked into below home. Until
// there is something to write, nothing is. ends may be nil.
func Begin(dir, home, endpoint, way string, ends *Ends) *Writer {
	now := time.Now()
	id := strconv.FormatInt(now.UnixNano(), 36) + "-" + strconv.FormatInt(int64(os.Getpid()), 36)
	return &Writer{dir: dir, home: home, ends: ends, run: Run{ID: id, Endpoint: endpoint, Way: way, Began: now}}
}

// Change takes down a change. It may be called from any goroutine.
func (w *Writer) Change(sent bool, what, path, to string) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = true
	if w.err != nil || w.unnamed > 0 {
		w.unnamed++
		return
	}
	c := Change{Sent: sent, What: what, Path: path, To: to}
	switch {
	case what == hooks.Added:
		c.ID = w.look(path)
	case what == hooks.Removed && !sent:
		c.ID = w.leaving[path]
		delete(w.leaving, path)
	}
	w.text.WriteString(c.line())
	w.waiting++
	if w.text.Len() >= flushAt {
		w.flush(false)
	}
}

// Leaving says that a message is about to be removed: the last moment to know it.
func (w *Writer) Leaving(path string) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if id := w.look(path); id != "" {
		if w.leaving == nil {
			w.leaving = make(map[string]string)
		}
		w.leaving[path] = id
	}
}

func (w *Writer) look(path string) string {
	if w.read >= maxRead {
		return ""
	}
	w.read++
	f, err := os.Open(filepath.Join(w.home, path))
	if err != nil {
		return "" // it is gone again
	}
	defer f.Close()
	id, _ := MessageID(f)
	return IDOf(id)
}

// End takes down how the run ended. The same outcome again, with nothing changed,
// only moves the time of the last run.
func (w *Writer) End(o Outcome) error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.text.Len() > smallText {
		w.flush(false)
	}
	if w.err != nil {
		return w.err
	}
	o.Ended, o.Unnamed = time.Now(), w.unnamed
	sum := sha256.Sum256([]byte(o.told()))
	mark, told := w.last(), hex.EncodeToString(sum[:8])
	if !w.changed && w.ends.told(mark, told) {
		return w.ends.mark(mark, told, o.Ended)
	}
	w.text.WriteString(o.lines())
	w.flush(true)
	if w.err == nil {
		w.err = os.WriteFile(mark, []byte(told), 0o600)
	}
	if w.err == nil {
		w.err = w.ends.mark(mark, told, o.Ended)
	}
	return w.err
}

const lastPrefix = "last."

// last is the file whose time is that of the last run, and that has the sum of its
// outcome.
func (w *Writer) last() string { return lastPath(w.dir, w.run.Endpoint, w.run.Way) }

func lastPath(dir, endpoint, way string) string {
	return filepath.Join(dir, lastPrefix+endpoint+"."+way)
}

// dayFormat names the files.
const dayFormat = "2006-01-02"

// flush writes the text as a block; on a day that has enough only the end of the
// run. It is not forced to the disk: what a power cut takes of it is missing, and
// no more.
func (w *Writer) flush(ends bool) {
	text := append([]byte(w.run.line()), w.text.Bytes()...)
	named := w.waiting
	w.text.Reset()
	w.waiting = 0
	now := time.Now()
	f, err := w.open(now)
	if err != nil {
		w.err = err
		return
	}
	if st, err := f.Stat(); err == nil && st.Size() > maxDay && !ends {
		w.unnamed += named
	} else {
		_, w.err = f.Write(w.packer.pack(text))
	}
	w.err = errors.Join(w.err, f.Close())
}

func (w *Writer) open(now time.Time) (*os.File, error) {
	path := filepath.Join(w.dir, now.Format(dayFormat))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return w.newDay(path, now)
	}
	return f, err
}

// newDay begins a file, and drops those that are too old or too many.
func (w *Writer) newDay(path string, now time.Time) (*os.File, error) {
	if err := os.Mkdir(w.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	days, err := daysOf(w.dir)
	if err != nil {
		return nil, err
	}
	oldest := now.AddDate(0, 0, -KeptDays).Format(dayFormat)
	var kept int64
	for i := len(days) - 1; i >= 0; i-- {
		old := filepath.Join(w.dir, days[i])
		if st, err := os.Stat(old); err == nil {
			kept += st.Size()
		}
		if days[i] <= oldest || kept > maxKept-maxDay {
			if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("drop an old day: %w", err)
			}
		}
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
}

// daysOf lists the files of days, the oldest first; none where dir is not.
func daysOf(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var days []string
	for _, e := range entries {
		if _, err := time.Parse(dayFormat, e.Name()); err == nil {
			days = append(days, e.Name())
		}
	}
	return days, nil
}

// Last is when an endpoint's last run of a way ended.
type Last struct {
	Way   string
	Ended time.Time
}

// LastOf tells when the last run of each way ended that an endpoint made.
func LastOf(dir, endpoint string) ([]Last, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var list []Last
	for _, e := range entries {
		way, ok := strings.CutPrefix(e.Name(), lastPrefix+endpoint+".")
		if !ok || strings.Contains(way, ".") {
			continue // the endpoint's name may go on
		}
		st, err := e.Info()
		if err != nil {
			continue
		}
		list = append(list, Last{Way: way, Ended: st.ModTime()})
	}
	return list, nil
}
