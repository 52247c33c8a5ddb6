package main_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"smd-applet/sync/synctest"
)

// nobody is who dovecot-lda runs as where the tests run as root, for which it does
// not deliver.
const nobody = 65534

// dovecot returns what delivers a message into a home's Mail by the real
// dovecot-lda.
func dovecot(t *testing.T, home string) func(message []byte) error {
	t.Helper()
	const program = "/usr/lib/dovecot/dovecot-lda"
	if _, err := os.Stat(program); err != nil {
		synctest.Missing(t, program, "dovecot-core")
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "conf")
	gid := os.Getgid()
	if gid == 0 {
		gid = nobody
	}
	text := fmt.Sprintf("mail_gid = %d\nmail_location = maildir:%s/Mail\nlog_path = /dev/stderr\nbase_dir = %s\nprotocol lda {\n postmaster_address = me@mail.example\n}\n", gid, home, dir)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	argv := []string{program, "-c", conf}
	if os.Getuid() == 0 {
		for _, path := range []string{dir, filepath.Dir(dir), home, filepath.Dir(home), filepath.Dir(filepath.Dir(home))} {
			if err := os.Chmod(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if out, err := exec.Command("chown", "-R", fmt.Sprint(nobody), filepath.Join(home, "Mail")).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		argv = append([]string{"setpriv", fmt.Sprintf("--reuid=%d", nobody), fmt.Sprintf("--regid=%d", nobody), "--clear-groups"}, argv...)
	}
	return func(message []byte) error {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env = []string{"HOME=" + home, "USER=nobody", "PATH=" + os.Getenv("PATH")}
		cmd.Stdin = bytes.NewReader(message)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("dovecot-lda: %w: %s", err, out)
		}
		return nil
	}
}

// Dovecot delivers at the server, and a mail program at each end reads and flags
// what came, while one sync follows the other: all arrives.
func TestDovecotDelivers(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"2", "1.3"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, t.TempDir(), protocol)
			s.common(10)
			deliver := dovecot(t, s.homes[there])
			const letters = 15
			done := make(chan error, 1)
			go func() {
				for i := range letters {
					if err := deliver(letter(i)); err != nil {
						done <- err
						return
					}
					for _, box := range s.boxes() { // as mutt does: new becomes cur, by a rename
						all, err := box.Messages(".")
						if err != nil || len(all) == 0 {
							continue // a folder just came or went
						}
						_, _ = box.Flag(all[len(all)-1], "S") // a sync may have been quicker
					}
				}
				done <- nil
			}()
			var err error
			for going := true; going; {
				select {
				case err = <-done:
					going = false
				default:
				}
				for _, argv := range s.settled() {
					if out, err := s.run(argv...); err != nil && !passing.MatchString(out) {
						t.Errorf("%s: %v: %s", argv, err, out)
					}
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				s.well(s.settled())
			}
			r := s.atRest()
			if d := synctest.DiffNames(r.census[there], r.census[here]); d != "" {
				t.Errorf("the ends differ: %s", d)
			}
			for end := range s.homes {
				found := 0
				all, err := s.boxes()[end].Messages("")
				s.must(err)
				for i := range letters {
					for _, m := range all {
						b, err := os.ReadFile(s.boxes()[end].Path(m))
						s.must(err)
						if bytes.Contains(b, fmt.Appendf(nil, "Subject: letter %d\n", i)) {
							found++
							break
						}
					}
				}
				if found != letters {
					t.Errorf("%d of %d letters are at end %d", found, letters, end)
				}
			}
			t.Attr("cases", fmt.Sprint(letters))
		})
	}
}
