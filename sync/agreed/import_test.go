package agreed_test

import (
	"crypto/sha1"
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

func TestImport(t *testing.T) {
	t.Parallel()
	record := func(sub, info, header, body string) agreed.Record {
		return agreed.Record{Mark: agreed.Mark{Sub: sub, Info: info}, Sum: agreed.Sum{Header: legacyOf(header), Body: legacyOf(body)}}
	}
	file := line("Mail/cur/2.b:2,S", "h2", "b2") +
		line("Mail/.work/new/1.a", "h3", "b3") +
		line("Mail/new/1.a", "h1", "b1") +
		line("Mail/cur/2.b:2,", "other", "other") + // twice in one folder
		line("Mail/cur/9.known:2,", "other", "other") +
		line("/etc/cur/1", "bad", "bad") +
		line("../cur/1", "bad", "bad") +
		line("Mail/tmp/1", "bad", "bad") +
		line("Mail/cur/:2,S", "bad", "bad")
	known := agreed.Key{Folder: "Mail", Unique: "9.known"}
	want := model{}
	want.put(known, agreed.Record{Mark: agreed.Mark{Sub: "new"}, Size: 7})
	want.put(agreed.Key{Folder: "Mail", Unique: "1.a"}, record("new", "", "h1", "b1"))
	want.put(agreed.Key{Folder: "Mail", Unique: "2.b"}, record("cur", ":2,S", "h2", "b2"))
	want.put(agreed.Key{Folder: "Mail/.work", Unique: "1.a"}, record("new", "", "h3", "b3"))

	err := openNew(t).Update(func(tx *agreed.Tx) error {
		if err := tx.Put(known, want["Mail"]["9.known"]); err != nil {
			return err
		}
		n, err := agreed.Import(tx, strings.NewReader(file))
		if err != nil || n != 3 {
			t.Errorf("%d messages, %v, want 3", n, err)
		}
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

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	for name, file := range map[string]string{
		"another file": "hello\n",
		"cut short":    strings.TrimSuffix(line("Mail/cur/1", "h", "b"), "\n"),
	} {
		err := db.Update(func(tx *agreed.Tx) error {
			_, err := agreed.Import(tx, strings.NewReader(file))
			return err
		})
		if err == nil {
			t.Errorf("%s: imported", name)
		}
	}
	var inView error
	err := db.View(func(tx *agreed.Tx) error {
		if n := tx.Len(); n != 0 {
			t.Errorf("%d messages of a file refused", n)
		}
		_, inView = agreed.Import(tx, strings.NewReader(""))
		return nil
	})
	if err != nil || inView == nil {
		t.Errorf("in a View: %v, %v", inView, err)
	}
}
