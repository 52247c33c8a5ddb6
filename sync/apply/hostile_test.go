package apply

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"smd-applet/sync/fault"
	"smd-applet/sync/guard"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
	"smd-applet/sync/translate"
	"smd-applet/sync/wire/smd1"
)

// rogue is a server that says what it likes: text as it is, and then what answer
// makes of each request.
type rogue struct {
	says   func(w io.Writer)
	answer func(w io.Writer, request string)
}

// meets runs a client against it, and returns what the client says and what is in
// its home afterwards.
func (s rogue) meets(t *testing.T) (home string, err error) {
	t.Helper()
	home = filepath.Join(t.TempDir(), "home")
	for _, dir := range []string{".smd", "Mail/cur", "Mail/new", "Mail/tmp"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	store, err := maildir.Open(home, []maildir.Box{{Local: "Mail", Remote: "Mail"}}, translate.Identity(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	files := index.Files{DB: filepath.Join(home, ".smd", "db")}
	ledger, err := guard.LoadLedger(files.DB + ".held.json")
	if err != nil {
		t.Fatal(err)
	}
	fromClient, toServer := io.Pipe()
	fromServer, toClient := io.Pipe()
	requests, ended := make(chan string, 4096), make(chan struct{})
	go func() {
		defer close(requests)
		lines := newLines(fromClient)
		for line, ok := lines(); ok; line, ok = lines() {
			if !strings.HasPrefix(line, "protocol") && !strings.HasPrefix(line, "dbfile") {
				requests <- line
			}
		}
	}()
	go func() {
		defer close(ended)
		defer toClient.Close()
		fmt.Fprintf(toClient, "protocol 1.3\ndbfile %x -\n", sha1.Sum(nil))
		s.says(toClient)
		for line := range requests {
			if s.answer != nil {
				s.answer(toClient, line)
			}
		}
	}()
	conn := smd1.NewConn(struct {
		io.Reader
		io.Writer
	}{fromServer, toServer})
	_, err = Run(context.Background(), conn, Options{Store: store, Files: files, Ledger: ledger})
	toServer.Close()
	fromServer.Close()
	<-ended
	return home, err
}

// newLines reads line by line.
func newLines(r io.Reader) func() (string, bool) {
	var line []byte
	return func() (string, bool) {
		line = line[:0]
		for b := make([]byte, 1); ; line = append(line, b...) {
			if _, err := r.Read(b); err != nil {
				return "", false
			}
			if b[0] == '\n' {
				return string(line), true
			}
		}
	}
}

const letterOne = "Subject: one\n\nbody\n"

// digests are those of a letter, as an action has them.
func digests(letter string) string {
	head, body, _ := strings.Cut(letter, "\n\n")
	h, b := sha1.Sum([]byte(head+"\n\n")), sha1.Sum([]byte(body))
	return hex.EncodeToString(h[:]) + " " + hex.EncodeToString(b[:])
}

func chunk(w io.Writer, content string) { fmt.Fprintf(w, "chunk %d\n%s", len(content), content) }

// TestHostileServer: whatever a server of smd 1.3 says, the run ends with a typed
// error or well, and nothing lies where it should not.
func TestHostileServer(t *testing.T) {
	t.Parallel()
	add := func(w io.Writer, name string) { fmt.Fprintf(w, "ADD %s %s\n", name, digests(letterOne)) }
	gives := func(content string) func(io.Writer, string) {
		return func(w io.Writer, request string) {
			if request == "COMMIT" {
				io.WriteString(w, "ABORT\n")
				return
			}
			chunk(w, content)
		}
	}
	for name, c := range map[string]struct {
		rogue
		kinds []fault.Kind
		mail  int
	}{
		"the same message a thousand times": {rogue{func(w io.Writer) {
			for range 1000 {
				add(w, "Mail/cur/1.x:2,S")
			}
			io.WriteString(w, "END\n")
		}, gives(letterOne)}, []fault.Kind{fault.RemoteFailed}, 1},
		"a message and its move, again and again": {rogue{func(w io.Writer) {
			add(w, "Mail/cur/1.x:2,S")
			for range 50 {
				fmt.Fprintf(w, "MOVE Mail/cur/1.x:2,S %s TO Mail/cur/1.x:2,\n", digests(letterOne))
				fmt.Fprintf(w, "MOVE Mail/cur/1.x:2, %s TO Mail/cur/1.x:2,S\n", digests(letterOne))
			}
			io.WriteString(w, "END\n")
		}, gives(letterOne)}, []fault.Kind{fault.RemoteFailed}, -1},
		"another message than was told of": {rogue{func(w io.Writer) {
			add(w, "Mail/cur/1.x:2,S")
			io.WriteString(w, "END\n")
		}, gives("Subject: two\n\nbody\n")}, []fault.Kind{fault.RemoteFailed, fault.Protocol, fault.ConcurrentEdit}, 0},
		"an answer to nothing": {rogue{func(w io.Writer) {
			io.WriteString(w, "END\n")
			chunk(w, letterOne)
		}, gives(letterOne)}, []fault.Kind{fault.Protocol, fault.Network}, 0},
		"a chunk of 2^63 bytes": {rogue{func(w io.Writer) {
			add(w, "Mail/cur/1.x:2,S")
			io.WriteString(w, "END\nchunk 9223372036854775808\n")
		}, nil}, []fault.Kind{fault.Protocol}, 0},
		"a chunk of 2^63-1 bytes, and silence": {rogue{func(w io.Writer) {
			add(w, "Mail/cur/1.x:2,S")
			io.WriteString(w, "END\nchunk 9223372036854775807\nSubject: one\n")
			w.(io.Closer).Close()
		}, nil}, []fault.Kind{fault.Protocol, fault.Network}, 0},
		"a line without an end": {rogue{func(w io.Writer) {
			for range 1 << 10 {
				if _, err := io.WriteString(w, strings.Repeat("A", 1<<10)); err != nil {
					return
				}
			}
		}, nil}, []fault.Kind{fault.Protocol}, 0},
		"a place outside the mailbox": {rogue{func(w io.Writer) {
			add(w, "Mail/../.ssh/cur/authorized_keys")
			io.WriteString(w, "END\n")
		}, gives(letterOne)}, []fault.Kind{fault.Protocol}, 0},
		"another folder of the home": {rogue{func(w io.Writer) {
			add(w, "elsewhere/cur/1.x:2,S")
			io.WriteString(w, "END\n")
		}, gives(letterOne)}, nil, 0},
		"an absolute place": {rogue{func(w io.Writer) {
			add(w, "/tmp/cur/1.x:2,S")
			io.WriteString(w, "END\n")
		}, gives(letterOne)}, []fault.Kind{fault.Protocol}, 0},
		"a name of 10,000 bytes": {rogue{func(w io.Writer) {
			add(w, "Mail/cur/"+strings.Repeat("x", 10000))
			io.WriteString(w, "END\n")
		}, gives(letterOne)}, []fault.Kind{fault.Protocol}, 0},
		"no actions at all": {rogue{func(w io.Writer) { w.(io.Closer).Close() }, nil}, []fault.Kind{fault.Network}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home, err := c.meets(t)
			var kind fault.Kind
			if f := fault.As(err); f != nil {
				kind = f.Kind
			}
			if err == nil || c.kinds != nil && !slices.Contains(c.kinds, kind) {
				t.Errorf("got %v of kind %v, want one of %v", err, kind, c.kinds)
			}
			mail := 0
			_ = filepath.WalkDir(filepath.Dir(home), func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				switch rel, _ := filepath.Rel(home, path); {
				case strings.HasPrefix(rel, "Mail/cur/"):
					mail++
				case !strings.HasPrefix(rel, ".smd/"):
					t.Errorf("there is %s", rel)
				}
				return nil
			})
			if c.mail >= 0 && mail != c.mail {
				t.Errorf("there are %d messages, want %d", mail, c.mail)
			}
		})
	}
}

// A server that tells of changes for ever is refused before they take more memory
// than is granted.
func TestFloodOfChangesTakesNoMemory(t *testing.T) {
	defer func(most int64) { maxActionBytes = most }(maxActionBytes)
	maxActionBytes = 8 << 20
	said := 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := rogue{says: func(w io.Writer) {
		folder := strings.Repeat("f", 200)
		for ; ; said++ {
			if _, err := fmt.Fprintf(w, "ADD Mail/%s/%s/%s/cur/%d.x:2,S %s\n", folder, folder, folder, said, digests(letterOne)); err != nil {
				return
			}
		}
	}}.meets(t)
	runtime.ReadMemStats(&after)
	if !fault.Is(err, fault.Protocol) {
		t.Errorf("got %v", err)
	}
	grew := int64(after.HeapSys) - int64(before.HeapSys)
	t.Logf("refused after %d changes; the heap grew by %d bytes", said, grew)
	if grew > 8*maxActionBytes {
		t.Errorf("the heap grew by %d bytes", grew)
	}
}
