package synctest_test

import (
	"bytes"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smd-applet/sync/synctest"
)

func TestGenerateIsDeterministicAndCounted(t *testing.T) {
	t.Parallel()
	for name, layout := range map[string]synctest.Layout{"maildir++": synctest.MaildirPP, "nested": synctest.Nested} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := synctest.Options{Seed: 7, Messages: 400, Folders: 60, Layout: layout, MaxSize: 100 << 10}
			first, second := t.TempDir(), t.TempDir()
			told, err := synctest.Generate(first, o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := synctest.Generate(second, o); err != nil {
				t.Fatal(err)
			}
			a, b := takeCensus(t, first), takeCensus(t, second)
			if d := synctest.DiffNames(told, a); d != "" {
				t.Errorf("the census told differs from the one taken:\n%s", d)
			}
			if d := synctest.DiffNames(a, b); d != "" {
				t.Errorf("equal options made different mailboxes:\n%s", d)
			}
			if a.Total() != 400 || len(a) != 60 {
				t.Errorf("got %d messages in %d folders, want 400 in 60", a.Total(), len(a))
			}
			if n := len(a.Contents()); n == 400 || n < 380 {
				t.Errorf("%d different contents of 400: want a few copies", n)
			}
			o.Seed++
			third := t.TempDir()
			other, err := synctest.Generate(third, o)
			if err != nil {
				t.Fatal(err)
			}
			if synctest.Diff(a, other) == "" {
				t.Error("another seed made the same mailbox")
			}
		})
	}
}

func TestGeneratedMessagesAreMail(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	const n, maxSize = 1000, 256 << 10
	if _, err := synctest.Generate(root, synctest.Options{Seed: 1, Messages: n, Folders: 5, MaxSize: maxSize}); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	var multiparts, threaded, encoded int
	for _, path := range messageFiles(t, root) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(content))
		m, err := mail.ReadMessage(bytes.NewReader(content))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if _, err := m.Header.Date(); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := m.Header.AddressList("From"); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if m.Header.Get("References") != "" {
			threaded++
		}
		if strings.Contains(m.Header.Get("Subject"), "=?utf-8?") {
			encoded++
		}
		if kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type")); err == nil && kind == "multipart/mixed" {
			multiparts++
			checkParts(t, path, multipart.NewReader(m.Body, params["boundary"]))
		}
	}
	slices.Sort(sizes)
	if median := sizes[n/2]; median < 3<<10 || median > 6<<10 {
		t.Errorf("median size %d, want about 4096", median)
	}
	if top := sizes[n-1]; top > maxSize+maxSize/10 || top < 40<<10 {
		t.Errorf("largest message has %d bytes, cap %d", top, maxSize)
	}
	if multiparts < n/20 || threaded < n/5 || encoded < n/20 {
		t.Errorf("%d multiparts, %d in threads, %d encoded subjects of %d: too few", multiparts, threaded, encoded, n)
	}
}

func checkParts(t *testing.T, path string, parts *multipart.Reader) {
	t.Helper()
	n := 0
	for ; ; n++ {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if size, err := io.Copy(io.Discard, part); err != nil || size == 0 {
			t.Fatalf("%s: a part of %d bytes, %v", path, size, err)
		}
	}
	if n != 2 {
		t.Errorf("%s: %d parts, want 2", path, n)
	}
}

func TestTinyMessages(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if _, err := synctest.Generate(root, synctest.Options{Messages: 200, Folders: 3, Tiny: true, NoCopies: true}); err != nil {
		t.Fatal(err)
	}
	for _, path := range messageFiles(t, root) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 1200 {
			t.Errorf("%s has %d bytes", path, info.Size())
		}
	}
	if c := takeCensus(t, root); len(c.Contents()) != 200 {
		t.Errorf("%d contents of 200 messages without copies", len(c.Contents()))
	}
}

func BenchmarkGenerateTiny(b *testing.B) {
	for b.Loop() {
		if _, err := synctest.Generate(b.TempDir(), synctest.Options{Messages: 10_000, Folders: 60, Tiny: true}); err != nil {
			b.Fatal(err)
		}
	}
}

func takeCensus(t *testing.T, root string) synctest.Census {
	t.Helper()
	c, err := synctest.TakeCensus(root)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func messageFiles(t *testing.T, root string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
