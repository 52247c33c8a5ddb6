package agreed_test

import (
	"crypto/sha1"
	"errors"
	"strconv"
	"strings"
	"testing"

	"smd-applet/sync/agreed"
	"smd-applet/sync/index"
	"smd-applet/sync/maildir"
)

// line is a line of a db-file about a message with the given parts.
func line(name, header, body string) string {
	e := index.Entry{Name: name, Sum: maildir.Sum{Header: sha1.Sum([]byte(header)), Body: sha1.Sum([]byte(body))}}
	return string(e.AppendLine(nil))
}

// record is what a message is imported as.
func record(sub, info, header, body string) agreed.Record {
	return agreed.Record{Mark: agreed.Mark{Sub: sub, Info: info}, Sum: agreed.Sum{Header: legacyOf(header), Body: legacyOf(body)}}
}

func TestImport(t *testing.T) {
	t.Parallel()
	file := line("Mail/cur/2.b:2,S", "h2", "b2") +
		line("Mail/.work/new/1.a", "h3", "b3") +
		line("Mail/new/1.a", "h1", "b1") +
		line("Mail/cur/2.b:2,", "other", "other") + // twice in one folder
		line("/etc/cur/1", "bad", "bad") +
		line("../cur/1", "bad", "bad") +
		line("Mail/tmp/1", "bad", "bad") +
		line("Mail/cur/:2,S", "bad", "bad")
	want := model{}
	want.put(agreed.Key{Folder: "Mail", Unique: "1.a"}, record("new", "", "h1", "b1"))
	want.put(agreed.Key{Folder: "Mail", Unique: "2.b"}, record("cur", ":2,S", "h2", "b2"))
	want.put(agreed.Key{Folder: "Mail/.work", Unique: "1.a"}, record("new", "", "h3", "b3"))

	db := openNew(t)
	if n, err := agreed.Import(db, strings.NewReader(file)); err != nil || n != 3 {
		t.Errorf("%d messages, %v, want 3", n, err)
	}
	imported(t, db, want)
}

// imported fails the test unless the state is that of an import.
func imported(t *testing.T, db *agreed.DB, want model) {
	t.Helper()
	err := db.View(func(tx *agreed.Tx) error {
		if got := string(tx.Meta(agreed.LegacyMeta)); got != "1" {
			t.Errorf("meta %q", got)
		}
		same(t, tx, want)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// However many messages are held at a time, and in whatever order they stand, all
// are taken, and of two with one key the first.
func TestImportInParts(t *testing.T) {
	t.Parallel()
	var file strings.Builder
	want := model{}
	for i := range 50 {
		k := agreed.Key{Folder: []string{"Mail", "Mail/.a", "Mail/.b"}[i%3], Unique: strconv.Itoa(i * 37 % 23)}
		content := strconv.Itoa(i)
		file.WriteString(line(k.Folder+"/cur/"+k.Unique+":2,", content, content))
		if _, twice := want[k.Folder][k.Unique]; !twice {
			want.put(k, record("cur", ":2,", content, content))
		}
	}
	messages := 0
	for _, folder := range want {
		messages += len(folder)
	}
	for most := 1; most <= messages+1; most++ {
		db := openNew(t)
		if n, err := agreed.ImportBy(db, strings.NewReader(file.String()), most); err != nil || n != messages {
			t.Fatalf("%d at a time: %d messages, %v, want %d", most, n, err, messages)
		}
		imported(t, db, want)
	}
}

// cutFile fails when it is read again so many times.
type cutFile struct {
	*strings.Reader
	left int
}

var errCutFile = errors.New("cut")

func (c *cutFile) Seek(offset int64, whence int) (int64, error) {
	if c.left--; c.left < 0 {
		return 0, errCutFile
	}
	return c.Reader.Seek(offset, whence)
}

// An import that was cut leaves nothing in the next one: the file may have changed.
func TestImportAnew(t *testing.T) {
	t.Parallel()
	file := line("Mail/cur/1:2,", "h1", "b1") + line("Mail/.gone/cur/2:2,", "h2", "b2") + line("Mail/.work/cur/3:2,", "h3", "b3")
	db := openNew(t)
	if n, err := agreed.ImportBy(db, &cutFile{strings.NewReader(file), 2}, 1); !errors.Is(err, errCutFile) || n != 2 {
		t.Fatalf("%d messages, %v, want 2 and a cut", n, err)
	}
	later := line("Mail/cur/1:2,S", "h1", "b1") + line("Mail/cur/4:2,", "h4", "b4")
	if _, err := agreed.Import(db, strings.NewReader(later)); err != nil {
		t.Fatal(err)
	}
	want := model{}
	want.put(agreed.Key{Folder: "Mail", Unique: "1"}, record("cur", ":2,S", "h1", "b1"))
	want.put(agreed.Key{Folder: "Mail", Unique: "4"}, record("cur", ":2,", "h4", "b4"))
	imported(t, db, want)
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	for name, file := range map[string]string{
		"another file": "hello\n",
		"cut short":    strings.TrimSuffix(line("Mail/cur/1", "h", "b"), "\n"),
	} {
		if _, err := agreed.Import(db, strings.NewReader(file)); err == nil {
			t.Errorf("%s: imported", name)
		}
	}
	err := db.View(func(tx *agreed.Tx) error {
		if n := tx.Len(); n != 0 || len(tx.Meta(agreed.LegacyMeta)) > 0 {
			t.Errorf("%d messages of a file refused", n)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
