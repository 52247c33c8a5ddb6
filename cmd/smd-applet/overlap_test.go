package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	stdsync "sync"
	"syscall"
	"testing"

	"smd-applet/sync/config"
	"smd-applet/sync/lock"
	"smd-applet/sync/synctest"
)

// overlapSample is how many starts TestOverlaps makes, unless SMD_APPLET_OVERLAPS
// says another number.
const overlapSample = 40

// A crowd is the programs of two clients of one server, started all at once, and
// people who rename and remove folders meanwhile.
type crowd struct {
	*stage
	random *rand.Rand
	people stdsync.Mutex // one thing at a time
	boxes  [3]*synctest.Mailbox
	envs   [2][]string // of the clients
	aside  string      // where removed folders are put
	number int         // of letters delivered
	starts int
	well   int
	failed map[string]int // starts that failed, by why
}

func newCrowd(t *testing.T, protocol string, seed uint64) *crowd {
	t.Helper()
	s := newStage(t, t.TempDir(), protocol)
	c := &crowd{stage: s, random: rand.New(rand.NewPCG(seed, 6)), aside: filepath.Join(s.dir, "aside"), failed: make(map[string]int)}
	second := filepath.Join(s.dir, "second")
	for _, d := range []string{"second/.smd", "second/Mail", "aside"} {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(s.homes[here], ".smd", "config.default"))
	if err != nil {
		t.Fatal(err)
	}
	s.put("second/.smd/config.default", strings.ReplaceAll(string(text), "laptop", "desk"))
	c.boxes = [3]*synctest.Mailbox{s.here, s.there, synctest.OpenMailbox(filepath.Join(second, "Mail"), "desk")}
	quiet := append(s.env, "DBUS_SESSION_BUS_ADDRESS=disabled:", "DISPLAY=")
	c.envs = [2][]string{quiet, append(slices.Clone(quiet), "HOME="+second)}
	for _, client := range []string{"here", "second"} {
		s.put(client+"/.smd/loop", "60 60 default\n")
	}
	for i := range 24 {
		c.deliver(c.boxes[1], []string{".", ".a", ".b", ".c", ".a.d", ".e"}[i%6])
	}
	c.settle()
	return c
}

func (c *crowd) deliver(box *synctest.Mailbox, folder string) {
	c.t.Helper()
	c.number++
	if _, err := box.DeliverContent(folder, letter(c.number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.t.Error(err) // what was renamed under it comes to nothing
	} else if err != nil {
		c.number--
	}
}

// act has somebody do something in one of the three mailboxes.
func (c *crowd) act() {
	c.people.Lock()
	defer c.people.Unlock()
	box := c.boxes[c.random.IntN(len(c.boxes))]
	folders, err := filepath.Glob(box.Path(".?*"))
	if err != nil || len(folders) == 0 {
		c.deliver(box, ".a")
		return
	}
	folder := filepath.Base(folders[c.random.IntN(len(folders))])
	to := fmt.Sprintf(".%c%d", 'a'+c.random.IntN(6), c.random.IntN(1000))
	switch c.random.IntN(6) {
	case 0, 1:
		_, err = box.RenameFolder(folder, to)
	case 2:
		err = os.Rename(box.Path(folder), filepath.Join(c.aside, strconv.Itoa(c.random.Int())))
	case 3, 4:
		c.deliver(box, folder)
	case 5:
		var all []string
		if all, err = box.Messages(folder); err == nil && len(all) > 0 {
			_, err = box.Flag(all[c.random.IntN(len(all))], []string{"S", "F", "RS"}[c.random.IntN(3)])
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.t.Error(err)
	}
}

// passing matches what a start may fail by: another one's lock, or people.
var passing = regexp.MustCompile(`another run has|(process \d+|another process) has it|went away|changed while it was read|by itself|held back|(scan|look): .*no such file or directory`)

var digits = regexp.MustCompile(`\d+`)

// start starts a program of a client and waits for its end, which is asked for
// where it has none of its own.
func (c *crowd) start(client int, enough <-chan struct{}, argv ...string) {
	c.act()
	cmd := exec.Command(filepath.Join(c.bin, argv[0]), argv[1:]...)
	cmd.Env = c.envs[client]
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		c.t.Error(err)
		return
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-enough:
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		err = <-ended
	}
	c.act()
	c.people.Lock()
	defer c.people.Unlock()
	c.starts++
	why := passing.FindString(out.String())
	switch {
	case err == nil:
		c.well++
	case why == "":
		c.t.Errorf("%s: %v: %s", argv, err, out.String())
	case strings.HasSuffix(why, "no such file or directory"), strings.HasPrefix(why, "held"):
		c.t.Logf("%s: %s", argv, out.String())
		c.failed[why]++
	default:
		c.failed[digits.ReplaceAllString(why, "N")]++
	}
}

// round starts everything there is at once.
func (c *crowd) round() {
	lasting, passing := make(chan struct{}), new(stdsync.WaitGroup)
	loops := new(stdsync.WaitGroup)
	for client := range c.envs {
		for _, argv := range [][]string{{"smd-pull"}, {"smd-push"}, {"smd-applet", "sync"}} {
			passing.Go(func() { c.start(client, nil, argv...) })
		}
		for _, argv := range [][]string{{"smd-loop"}, {"smd-applet"}} {
			loops.Go(func() { c.start(client, lasting, argv...) })
		}
	}
	passing.Wait()
	close(lasting)
	loops.Wait()
}

// settle brings all three together, after a pause of everybody.
func (c *crowd) settle() {
	c.t.Helper()
	for range 3 {
		for client, env := range c.envs {
			for _, argv := range c.settled() {
				cmd := exec.Command(filepath.Join(c.bin, argv[0]), argv[1:]...)
				cmd.Env = env
				out, err := cmd.CombinedOutput()
				if bytes.Contains(out, []byte("held back")) {
					cmd := exec.Command(filepath.Join(c.bin, "smd-applet"), "restore", "default")
					cmd.Env = env
					out, err = cmd.CombinedOutput()
				}
				if err != nil {
					c.t.Errorf("%s of client %d at rest: %v: %s", argv, client, err, out)
				}
			}
		}
	}
}

// letters are the numbers of the letters below a directory.
func (c *crowd) letters(root string) map[int]int {
	c.t.Helper()
	counts := make(map[int]int)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(filepath.Dir(path)) == "tmp" {
			return err
		}
		b, err := os.ReadFile(path)
		var n int
		if _, rest, ok := bytes.Cut(b, []byte("Subject: letter ")); ok {
			_, _ = fmt.Sscan(string(rest), &n)
			counts[n]++
		}
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return counts
}

// check says what was lost.
func (c *crowd) check() {
	c.t.Helper()
	c.settle()
	gone := c.letters(c.aside)
	for i, box := range c.boxes {
		have := c.letters(box.Root)
		for n := 1; n <= c.number; n++ {
			if have[n] == 0 && gone[n] == 0 {
				c.t.Errorf("letter %d is lost in %s", n, box.Root)
			}
		}
		census := func(box *synctest.Mailbox) synctest.Census {
			got, err := synctest.TakeCensus(box.Root)
			if err != nil {
				c.t.Fatal(err)
			}
			return got
		}
		if d := synctest.DiffNames(census(c.boxes[0]), census(box)); i > 0 && d != "" {
			c.t.Errorf("%s differs from the first client: %s", box.Root, d)
		}
	}
}

// Everything there is, started at once, again and again, at two clients of one
// server, while folders are renamed and removed: no letter is lost.
func TestOverlaps(t *testing.T) {
	t.Parallel()
	starts := overlapSample
	if n, err := strconv.Atoi(os.Getenv("SMD_APPLET_OVERLAPS")); err == nil {
		starts = n
	}
	const each = 50 // starts until everybody has a rest
	for i := range max(2, starts/each) {
		protocol := []string{"2", "1.3"}[i%2]
		t.Run(fmt.Sprint(protocol, " ", i/2), func(t *testing.T) {
			t.Parallel()
			c := newCrowd(t, protocol, uint64(i))
			for c.starts < min(each, starts/2) && !t.Failed() {
				c.round()
			}
			c.check()
			t.Attr("cases", strconv.Itoa(c.starts))
			t.Logf("starts: %d, done: %d, refused or ended: %v; letters: %d", c.starts, c.well, c.failed, c.number)
		})
	}
}

// A run that does not get its locks changes no byte at either end.
func TestRefusedRunChangesNothing(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"2", "1.3"} {
		for name, take := range map[string]func(home string) (*lock.Lock, error){
			"by the lock of the home": lock.Stock,
			"by the lock of the pair": func(home string) (*lock.Lock, error) {
				return lock.Acquire(t.Context(), home, 0, config.DBFile("laptop", []string{"Mail"}))
			},
		} {
			t.Run(protocol+" "+name, func(t *testing.T) {
				t.Parallel()
				s := newStage(t, t.TempDir(), protocol)
				everyAction(s)
				held, err := take(s.homes[here])
				if err != nil {
					t.Fatal(err)
				}
				before := [2]map[string]string{everything(t, s.homes[here]), everything(t, s.homes[there])}
				for _, argv := range [][]string{{"smd-pull"}, {"smd-push"}, {"smd-pull", "-d"}, {"smd-applet", "sync", "default"}} {
					out, err := s.run(argv...)
					if err == nil || !passing.MatchString(out) {
						t.Errorf("%s: %v: %q, want a refusal", argv, err, out)
					}
					for end, home := range s.homes {
						if !maps.Equal(everything(t, home), before[end]) {
							t.Errorf("%s changed something in %s", argv, home)
						}
					}
				}
				if err := held.Close(); err != nil {
					t.Fatal(err)
				}
				s.well(s.settled())
			})
		}
	}
}
