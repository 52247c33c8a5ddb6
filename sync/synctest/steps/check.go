package steps

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Check tells where a program relied on what a power cut may still take (design,
// safety rules 2 and 3):
//
//   - a message is given its name in cur or new before its content is durable;
//   - a file is replaced, or a message removed, while what was put in place before
//     is not durable;
//   - the agreed state is written while what it describes is not durable.
//
// A pid file needs no disk. It sees what the program made itself, in a whole trace of it.
func Check(trace []Step) []string {
	c := check{content: make(map[string]bool), names: make(map[string]Step)}
	for i, s := range trace {
		if !s.Failed {
			c.step(i+1, s)
		}
	}
	return c.faults
}

type check struct {
	content map[string]bool // files that were written to since their fsync
	names   map[string]Step // what put a message in a directory since its fsync, by directory
	faults  []string
}

func (c *check) step(n int, s Step) {
	fault := func(format string, args ...any) {
		c.faults = append(c.faults, fmt.Sprintf("step %d, %s: %s", n, s, fmt.Sprintf(format, args...)))
	}
	switch s.Call {
	case "write", "truncate":
		if strings.HasSuffix(s.Path, ".agreed") || strings.HasSuffix(s.Path, ".db.txt") {
			for dir, by := range c.names {
				fault("%s is not durable, after %s", dir, by)
			}
		}
		if !s.Sent() {
			c.content[s.Path] = true
		}
	case "fsync":
		delete(c.content, s.Path)
		delete(c.names, s.Path)
	case "syncfs":
		clear(c.content)
		clear(c.names)
	case "rename", "link":
		if c.content[s.Path] && (atRest(s.To) || !inTmp(s.To)) && !namesProcess(s.To) {
			fault("its content is not durable")
		}
		if s.Call == "rename" && c.content[s.Path] {
			delete(c.content, s.Path)
			c.content[s.To] = true
		}
		if atRest(s.To) {
			c.names[filepath.Dir(s.To)] = s
		}
	case "unlink":
		delete(c.content, s.Path)
		if atRest(s.Path) {
			for dir, by := range c.names {
				fault("%s is not durable, after %s", dir, by)
			}
		}
	}
}

// namesProcess reports whether a file tells which process has a lock: after a power cut
// none lives, whatever is left of the file.
func namesProcess(path string) bool {
	dir, name := filepath.Split(path)
	return filepath.Base(dir) == ".smd" && (name == "lock" || name == "loop.lock")
}

// atRest reports whether a file is a message in cur or new.
func atRest(file string) bool {
	sub := filepath.Base(filepath.Dir(file))
	return sub == "cur" || sub == "new"
}

func inTmp(file string) bool { return filepath.Base(filepath.Dir(file)) == "tmp" }
