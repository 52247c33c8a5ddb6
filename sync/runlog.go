package sync

import (
	"io/fs"
	"os"
	stdsync "sync"
	"time"

	"smd-applet/sync/fault"
	"smd-applet/sync/maildir"
)

// runLogs are the logs of the last runs, by path: a run that says what the one before
// it said has nothing to write but the time.
type runLogs struct {
	mu    stdsync.Mutex
	files map[string]runLogFile
}

// runLogFile is a log as a run left it that had nothing to say but what it said at its
// end.
type runLogFile struct {
	text string
	info fs.FileInfo
	at   time.Time // of its last change
}

// runLog is the log of one run. It may be written to from any goroutine.
type runLog struct {
	logs *runLogs
	path string

	mu     stdsync.Mutex
	last   runLogFile // what it still has of the last run, while it is not open
	file   *os.File   // nil until there is something to write
	wrote  bool
	closed bool
}

// rewrite begins the log of a run, which is empty then, or as good as that.
func (s *runLogs) rewrite(path string) (*runLog, error) {
	s.mu.Lock()
	last, known := s.files[path]
	delete(s.files, path)
	s.mu.Unlock()
	l := &runLog{logs: s, path: path, last: last}
	if known && last.untouched(path) {
		return l, nil
	}
	return l, l.open()
}

func (f *runLogFile) untouched(path string) bool {
	info, err := os.Stat(path)
	return err == nil && os.SameFile(info, f.info) && info.Size() == f.info.Size() && info.ModTime().Equal(f.at)
}

func (l *runLog) open() (err error) {
	if l.file, err = os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return fault.New(maildir.KindOf(err), "open the log", l.path, err)
	}
	return nil
}

// Write implements [io.Writer]. What comes when the run is over goes nowhere.
func (l *runLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return len(b), nil
	}
	if l.file == nil {
		if err := l.open(); err != nil {
			return 0, err
		}
	}
	l.wrote = true
	return l.file.Write(b)
}

// end ends the log with text. The run has gone as it has: that this can't be written
// changes nothing.
func (l *runLog) end(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	now := time.Now()
	if l.file == nil {
		if text == l.last.text && os.Chtimes(l.path, time.Time{}, now) == nil {
			l.last.at = now
			l.logs.keep(l.path, l.last)
			return
		}
		if l.open() != nil {
			return
		}
	}
	defer l.file.Close()
	if _, err := l.file.WriteString(text); err != nil || l.wrote {
		return
	}
	if info, err := l.file.Stat(); err == nil {
		l.logs.keep(l.path, runLogFile{text: text, info: info, at: info.ModTime()})
	}
}

func (s *runLogs) keep(path string, f runLogFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = make(map[string]runLogFile)
	}
	s.files[path] = f
}
