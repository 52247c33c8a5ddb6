package agreed_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"smd-applet/sync/agreed"
	"smd-applet/sync/fault"
)

// writerOf is set, to a store's path, for the child that commits until it is killed.
const writerOf = "AGREED_TEST_WRITER_OF"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerOf); path != "" {
		fmt.Fprintln(os.Stderr, commitForever(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// commitForever turns one generation into the next, and tells of each on
// standard output once it is committed.
func commitForever(path string) error {
	db, err := agreed.Open(path)
	if err != nil {
		return err
	}
	defer db.Close()
	for {
		var next int
		if err := db.Update(func(tx *agreed.Tx) error {
			now, err := generationOf(tx)
			if err != nil {
				return err
			}
			next = now + 1
			for folder := range generation(now) {
				if _, stays := generation(next)[folder]; !stays {
					err = errors.Join(err, tx.DropFolder(folder))
				}
			}
			for folder, messages := range generation(next) {
				for unique := range generation(now)[folder] {
					if _, stays := messages[unique]; !stays {
						err = errors.Join(err, tx.Delete(agreed.Key{Folder: folder, Unique: unique}))
					}
				}
				for unique, r := range messages {
					err = errors.Join(err, tx.Put(agreed.Key{Folder: folder, Unique: unique}, r))
				}
			}
			return errors.Join(err, tx.SetMeta("generation", []byte(strconv.Itoa(next))))
		}); err != nil {
			return err
		}
		if next%4 == 0 {
			err = db.Release()
		}
		if _, printErr := fmt.Println(next); err != nil || printErr != nil {
			return errors.Join(err, printErr)
		}
	}
}

func generationOf(tx *agreed.Tx) (int, error) {
	value := tx.Meta("generation")
	if value == nil {
		return 0, tx.Err()
	}
	return strconv.Atoi(string(value))
}

// generation is what the child's state is after so many commits: no two in a
// row have a message in common.
func generation(n int) model {
	m := model{}
	if n == 0 {
		return m
	}
	for i := range 60 {
		folder := []string{"Mail", "Mail/.work", "Mail/.odd"}[i%(2+n%2)]
		m.put(agreed.Key{Folder: folder, Unique: fmt.Sprintf("%d.%d", i, n%7*(i%2))}, agreed.Record{
			Mark: agreed.Mark{Sub: "cur", Info: ":2,"}, Sum: agreed.Sum{Header: agreed.Digest{byte(n), byte(i)}}, Size: int64(n),
		})
	}
	return m
}

// TestKilled kills a process that commits in a loop, again and again: the state
// is always that of its last commit, or of the one it was about to report.
func TestKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	const rounds = 12
	t.Attr("cases", strconv.Itoa(rounds))
	for round := range rounds {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), writerOf+"="+path)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		told := last
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Error(err)
			}
			if told = n; n == last+1+round { // goes on with the next meanwhile
				if err := cmd.Process.Kill(); err != nil {
					t.Error(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || stderr.Len() > 0 {
			t.Fatalf("the writer ended by itself: %v, %s", err, stderr.String())
		}
		db := openAt(t, path)
		if moved := db.Recovered(); moved != "" {
			t.Fatalf("round %d: the store was damaged", round)
		}
		err = db.View(func(tx *agreed.Tx) error {
			n, err := generationOf(tx)
			if n != told && n != told+1 {
				t.Errorf("round %d: generation %d, the last one reported was %d", round, n, told)
			}
			last = n
			same(t, tx, generation(n))
			return err
		})
		if err := errors.Join(err, db.Release()); err != nil {
			t.Fatal(err)
		}
	}
}

// filled makes a store with a few thousand messages and returns what it holds.
func filled(t testing.TB, path string) model {
	t.Helper()
	db, err := agreed.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	m := model{}
	err = db.Update(func(tx *agreed.Tx) error {
		for i := range 3000 {
			k := agreed.Key{Folder: "Mail", Unique: fmt.Sprintf("%06d.host", i)}
			r := agreed.Record{Mark: agreed.Mark{Sub: "cur", Info: ":2,S"}, Sum: agreed.Sum{Header: agreed.Digest{1}, Body: agreed.Digest{byte(i)}}, Size: 1}
			m.put(k, r)
			if err := tx.Put(k, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return m
}

// healed fails unless the file at path, which is damaged, is kept aside as it
// was and a store begun that works.
func healed(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	db := openAt(t, path)
	// What can't be known at opening shows when it is read.
	for range 2 {
		err = db.View(func(tx *agreed.Tx) error {
			for f := range tx.Folders() {
				for range tx.Each(f.Path) {
				}
			}
			return nil
		})
		if err != nil && !fault.Is(err, fault.DBMismatch) {
			t.Fatalf("a damaged state: %v", err)
		}
	}
	if err != nil {
		t.Fatalf("the store did not heal: %v", err)
	}
	if got := db.Recovered(); got != path+agreed.Damaged {
		t.Fatalf("recovered %q", got)
	}
	if kept, err := os.ReadFile(path + agreed.Damaged); err != nil || string(kept) != string(content) {
		t.Errorf("%d bytes kept, %v, want the %d there were", len(kept), err, len(content))
	}
	want := model{}
	want.put(agreed.Key{Folder: "Mail", Unique: "1"}, agreed.Record{Mark: agreed.Mark{Sub: "new"}})
	err = db.Update(func(tx *agreed.Tx) error {
		if n := tx.Len(); n != 0 {
			t.Errorf("%d messages in a fresh store", n)
		}
		return tx.Put(agreed.Key{Folder: "Mail", Unique: "1"}, want["Mail"]["1"])
	})
	if err := errors.Join(err, db.Release()); err != nil {
		t.Fatal(err)
	}
	if err := db.View(func(tx *agreed.Tx) error { same(t, tx, want); return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedFileHeals(t *testing.T) {
	t.Parallel()
	garbage := make([]byte, 100_000)
	for i := range garbage {
		garbage[i] = byte(i * i >> 3)
	}
	const page = 4096
	for name, damage := range map[string]func(t *testing.T, path string, content []byte) []byte{
		"one byte":                 func(_ *testing.T, _ string, c []byte) []byte { return c[:1] },
		"cut in the first page":    func(_ *testing.T, _ string, c []byte) []byte { return c[:100] },
		"two pages":                func(_ *testing.T, _ string, c []byte) []byte { return c[:2*page] },
		"half":                     func(_ *testing.T, _ string, c []byte) []byte { return c[:len(c)/2] },
		"half, not at a page":      func(_ *testing.T, _ string, c []byte) []byte { return c[:len(c)/2+17] },
		"a line of text":           func(*testing.T, string, []byte) []byte { return []byte("hello\n") },
		"garbage":                  func(*testing.T, string, []byte) []byte { return garbage },
		"zeros":                    func(_ *testing.T, _ string, c []byte) []byte { return make([]byte, len(c)) },
		"garbage behind the start": func(_ *testing.T, _ string, c []byte) []byte { copy(c[2*page:], garbage); return c },
		"zeros behind the start":   func(_ *testing.T, _ string, c []byte) []byte { clear(c[2*page:]); return c },
		"another program's bbolt file": func(t *testing.T, path string, _ []byte) []byte {
			return bboltFile(t, path+".other", "theirs", "key", "value")
		},
		"an unknown file that says about": func(t *testing.T, path string, _ []byte) []byte {
			return bboltFile(t, path+".other", "about", "format", "other")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state")
			filled(t, path)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(t, path, content), 0o600); err != nil {
				t.Fatal(err)
			}
			healed(t, path)
		})
	}
}

// bboltFile returns the content of a bbolt file with one key.
func bboltFile(t *testing.T, path, bucket, key, value string) []byte {
	t.Helper()
	b, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = b.Update(func(tx *bolt.Tx) error {
		bucket, err := tx.CreateBucket([]byte(bucket))
		if err != nil {
			return err
		}
		return bucket.Put([]byte(key), []byte(value))
	})
	if err := errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestEmptyFile: a file nothing was written to is begun, not damaged.
func TestEmptyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if moved := openAt(t, path).Recovered(); moved != "" {
		t.Errorf("moved to %s", moved)
	}
}

// TestCutWhileOpen: a file that is cut short under a running process heals too,
// with a transaction that fails.
func TestCutWhileOpen(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(*agreed.DB) error{
		"reading": func(db *agreed.DB) error {
			return db.View(func(tx *agreed.Tx) error {
				for range tx.Each("Mail") {
				}
				return nil
			})
		},
		"writing": func(db *agreed.DB) error {
			return db.Update(func(tx *agreed.Tx) error {
				return tx.Put(agreed.Key{Folder: "Mail", Unique: "x"}, agreed.Record{Mark: agreed.Mark{Sub: "new"}})
			})
		},
		"dropping": func(db *agreed.DB) error {
			return db.Update(func(tx *agreed.Tx) error { return tx.DropFolder("Mail") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state")
			filled(t, path)
			db := openAt(t, path)
			if err := os.Truncate(path, 2*4096); err != nil {
				t.Fatal(err)
			}
			if err := use(db); !fault.Is(err, fault.DBMismatch) {
				t.Fatalf("%v", err)
			}
			if err := db.View(func(tx *agreed.Tx) error { same(t, tx, model{}); return nil }); err != nil {
				t.Fatal(err)
			}
			if db.Recovered() == "" {
				t.Error("nothing was kept")
			}
		})
	}
}

// TestUndecodableRecord: the transaction that meets it fails.
func TestUndecodableRecord(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	filled(t, path)
	b, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = b.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("messages")).Bucket([]byte("Mail")).Put([]byte("001000.host"), []byte{1, 2, 3})
	})
	if err := errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
	db := openAt(t, path)
	n := 0
	err = db.View(func(tx *agreed.Tx) error {
		if _, ok := tx.Get(agreed.Key{Folder: "Mail", Unique: "000999.host"}); !ok || tx.Err() != nil {
			t.Errorf("the record before it: %t, %v", ok, tx.Err())
		}
		for range tx.Each("Mail") {
			n++
		}
		return nil
	})
	if n != 1000 || !fault.Is(err, fault.DBMismatch) {
		t.Errorf("%d messages, %v", n, err)
	}
}

func TestNewerFormat(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	content := bboltFile(t, path, "about", "format", "smd-applet agreed state 2\n")
	_, err := agreed.Open(path)
	if !fault.Is(err, fault.Config) || !strings.Contains(fault.As(err).WayOut(), "newer") {
		t.Errorf("%v", err)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != string(content) {
		t.Errorf("the file was touched: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"a folder":       dir,
		"no such folder": filepath.Join(dir, "none", "state"),
		"below a file":   filepath.Join(file, "state"),
	} {
		if db, err := agreed.Open(path); !fault.Is(err, fault.FileSystem) {
			t.Errorf("%s: %v, %v", name, db, err)
		}
	}
}

// TestOneAtATime: who does not release the store has it alone.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	db := openAt(t, path)
	if other, err := agreed.Open(path); !fault.Is(err, fault.Locked) {
		t.Errorf("opened twice: %v, %v", other, err)
	}
	if err := db.Release(); err != nil {
		t.Fatal(err)
	}
	k := agreed.Key{Folder: "Mail", Unique: "1"}
	other := openAt(t, path)
	err := other.Update(func(tx *agreed.Tx) error { return tx.Put(k, agreed.Record{Mark: agreed.Mark{Sub: "new"}}) })
	if err := errors.Join(err, other.Release()); err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *agreed.Tx) error {
		if _, ok := tx.Get(k); !ok {
			t.Error("what the other one wrote is not there")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestReadOnlyFolder(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	want := filled(t, good)
	if err := os.WriteFile(bad, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o700) })
	for _, path := range []string{filepath.Join(dir, "new"), bad} {
		if db, err := agreed.Open(path); !fault.Is(err, fault.Permission) {
			t.Errorf("%s: %v, %v", path, db, err)
		}
	}
	if content, err := os.ReadFile(bad); err != nil || string(content) != "garbage" {
		t.Errorf("what could not be kept aside is now %q, %v", content, err)
	}
	if err := openAt(t, good).View(func(tx *agreed.Tx) error { same(t, tx, want); return nil }); err != nil {
		t.Error(err)
	}
}

func TestFileIsPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	openAt(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
