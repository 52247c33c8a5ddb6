//go:build linux

package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	stdsync "sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// account is what a pair should have: how often each content, at either end.
type account map[content]int

// content is a message without what programs add to it or fold in its header.
type content [sha256.Size]byte

// place is where a message lies and with which flags, apart from its name, which
// programs choose as they like.
type place struct {
	folder, flags string
	content
}

func openAccount(root string) (account, error) {
	there, _, err := inventory(root)
	return there.contents(), err
}

// came enters a message; gone strikes it out. Both are called while its file is there.
func (a account) came(path string) error { return a.enter(path, 1) }
func (a account) gone(path string) error { return a.enter(path, -1) }

func (a account) enter(path string, n int) error {
	r, err := readOnce(path)
	if err == nil {
		a[r.content] += n
	}
	return err
}

// same is the verdict of a pair that is as it should be.
const same = "same"

// verdict compares both ends with each other and with what they should have, and
// says in words what is wrong.
func (a account) verdict(there, here string) (string, error) {
	server, _, err := inventory(there)
	if err != nil {
		return "", err
	}
	client, changed, err := inventory(here)
	if err != nil {
		return "", err
	}
	var lost, single, doubled, strange int
	atServer, atClient := server.contents(), client.contents()
	for c, n := range a {
		lost += max(0, n-max(atServer[c], atClient[c]))
		single += max(0, min(n, max(atServer[c], atClient[c]))-min(atServer[c], atClient[c]))
		doubled += max(0, max(atServer[c], atClient[c])-n)
	}
	for _, end := range []account{atServer, atClient} {
		for c, n := range end {
			if _, ok := a[c]; !ok {
				strange += n
			}
		}
	}
	var elsewhere, flags int
	if lost+single+doubled == 0 {
		flags = server.apart(client)
		elsewhere = server.withoutFlags().apart(client.withoutFlags())
	}
	var words []string
	for _, w := range []struct {
		n    int
		what string
	}{
		{lost, "lost"},
		{single, "at one end only"},
		{doubled, "doubled or not deleted"},
		{strange, "of other content"},
		{elsewhere, "in another folder"},
		{max(0, flags-elsewhere), "with other flags"},
	} {
		if w.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", w.n, w.what))
		}
	}
	if len(words) == 0 {
		words = []string{same}
	}
	if changed > 0 {
		words = append(words, fmt.Sprintf("%d with a changed header", changed))
	}
	return strings.Join(words, ", "), nil
}

// places is how often there is a message like each.
type places map[place]int

func (p places) contents() account {
	a := make(account)
	for m, n := range p {
		a[m.content] += n
	}
	return a
}

func (p places) withoutFlags() places {
	bare := make(places)
	for m, n := range p {
		m.flags = ""
		bare[m] += n
	}
	return bare
}

// apart is how many messages of p are not in q.
func (p places) apart(q places) (n int) {
	for m, count := range p {
		n += max(0, count-q[m])
	}
	return n
}

// inventory reads every message of a tree, and counts those whose header a program
// changed.
func inventory(root string) (places, int, error) {
	var files []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			if sub := filepath.Base(filepath.Dir(path)); sub == "cur" || sub == "new" {
				files = append(files, path)
			}
		}
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("inventory: %w", err)
	}
	all := make(places, len(files))
	changed := 0
	var mu stdsync.Mutex
	var group errgroup.Group
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() error {
			own, altered := make(places), 0
			for i := w; i < len(files); i += workers {
				r, err := readOnce(files[i])
				if err != nil {
					return fmt.Errorf("inventory: %w", err)
				}
				if r.changed {
					altered++
				}
				own[place{folderOf(root, files[i]), flagsOf(files[i]), r.content}]++
			}
			mu.Lock()
			defer mu.Unlock()
			for m, n := range own {
				all[m] += n
			}
			changed += altered
			return nil
		})
	}
	err = group.Wait()
	return all, changed, err
}

// file is what tells that a file is one that was read before.
type file struct{ inode, size, modified int64 }

// read is what was in a file.
type read struct {
	content
	changed bool
}

// known are the files read so far. Most are compared often, and never change.
var known stdsync.Map

// readOnce is what is in a file. One that was read before is not read again, while
// it has its size and its time.
func readOnce(path string) (read, error) {
	var info unix.Stat_t
	if err := unix.Lstat(path, &info); err != nil {
		return read{}, fmt.Errorf("%s: %w", path, err)
	}
	key := file{int64(info.Ino), info.Size, info.Mtim.Nano()}
	if r, ok := known.Load(key); ok {
		return r.(read), nil
	}
	message, err := os.ReadFile(path)
	if err != nil {
		return read{}, err
	}
	var r read
	r.content, r.changed = contentOf(message)
	known.Store(key, r)
	return r, nil
}

// folderOf is the folder as an IMAP server names it: "" is the inbox.
func folderOf(root, file string) string {
	rel, _ := filepath.Rel(root, filepath.Dir(filepath.Dir(file))) // both come from one walk
	if rel = strings.TrimPrefix(rel, "."); rel == "INBOX" {
		return ""
	}
	return rel
}

// flagsOf are the flags that a Maildir and IMAP share.
func flagsOf(file string) string {
	_, flags, _ := strings.Cut(filepath.Base(file), ":2,")
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("DFRS", r) {
			return r
		}
		return -1
	}, flags)
}

// added are the headers that programs add to know a message again.
var added = [][]byte{[]byte("X-TUID:"), []byte("X-OfflineIMAP:")}

// contentOf is a message's content, and whether its header has what a program added.
func contentOf(message []byte) (c content, changed bool) {
	h := sha256.New()
	rest := message
	for len(rest) > 0 {
		end := bytes.IndexByte(rest, '\n') + 1
		if end == 0 {
			end = len(rest)
		}
		line := rest[:end]
		rest = rest[end:]
		trimmed := bytes.TrimRight(line, " \t\r\n")
		if len(trimmed) == 0 {
			break // the body follows
		}
		if isAdded(trimmed) {
			changed = true
			continue
		}
		h.Write(trimmed)
		h.Write([]byte{'\n'})
	}
	h.Write([]byte{'\n'})
	if bytes.IndexByte(rest, '\r') >= 0 {
		rest = bytes.ReplaceAll(rest, []byte("\r\n"), []byte("\n"))
	}
	h.Write(rest)
	h.Sum(c[:0])
	return c, changed
}

func isAdded(line []byte) bool {
	for _, name := range added {
		if bytes.HasPrefix(line, name) {
			return true
		}
	}
	return false
}
