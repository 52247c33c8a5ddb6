package twoway_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	stdsync "sync"
	"sync/atomic"
	"testing"

	"smd-applet/sync/durable"
	"smd-applet/sync/synctest"
	"smd-applet/sync/twoway"
)

// mortal is an end that dies: from one of its steps on it changes nothing any more,
// cleans nothing up, and its line is closed.
type mortal struct {
	home string
	line duplex

	mu      stdsync.Mutex
	left    int    // steps until it dies
	last    string // see died
	remains string // what it had then; "" where that can't be told
}

// mortals are those alive, by their homes.
var mortals stdsync.Map

func init() {
	durable.OnStep = func(what, at, name string) (err error) {
		mortals.Range(func(home, m any) bool {
			if !strings.HasPrefix(at, home.(string)+"/") {
				return true
			}
			err = m.(*mortal).stepIn(what, at, name)
			return false
		})
		return err
	}
}

var errDead = errors.New("this end is dead")

func (m *mortal) stepIn(what, at, name string) error {
	path := filepath.Join(at, name)
	if what != "mkdir" {
		return m.step(what, path)
	}
	// That it is there already is no step; with directories above it, it is several.
	var missing []string
	for dir := path; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); err == nil {
			break
		}
		missing = append(missing, dir)
	}
	for _, dir := range slices.Backward(missing) {
		if err := m.step(what, dir); err != nil {
			return err
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	return nil
}

func (m *mortal) step(what, path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.last != "":
		return errDead
	case m.left > 0:
		m.left--
		return nil
	}
	m.last = what + " " + strings.TrimPrefix(path, m.home)
	if what != "send" { // which is beside the work on files
		var err error
		if m.remains, err = remains(m.home); err != nil {
			return err
		}
	}
	m.line.Close() // what else goes wrong with it concerns the living
	return errDead
}

// died is the step it died before; "" while it lives. An agent that has served may
// still be about to send something.
func (m *mortal) died() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// connected is the line as the end sees it: what it sends is a step.
func (m *mortal) connected(d duplex) io.ReadWriteCloser {
	m.line = d
	return mortalLine{d, m}
}

type mortalLine struct {
	duplex
	end *mortal
}

func (l mortalLine) Write(b []byte) (int, error) {
	if err := l.end.step("send", ""); err != nil {
		return 0, err
	}
	return l.duplex.Write(b)
}

// remains is all that is below a home.
func remains(home string) (string, error) {
	var all strings.Builder
	err := filepath.WalkDir(home, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fmt.Fprintln(&all, path)
		if !e.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		all.Write(content)
		return err
	})
	return all.String(), err
}

// deathsEach is how many deaths there are to each that make test tries, unless
// SMD_APPLET_CRASH says another number: 1 is all. Up to stepsEach it is of the steps of
// each history, beyond that of the histories.
const (
	deathsEach = 400
	stepsEach  = 5
)

// deathsFound are histories in which a death once did harm: of these each is tried.
var deathsFound = [][]synctest.Deed{
	{{End: 0, What: "deliver"}, {End: 0, What: "flag"}, {End: 0, What: "edit header"}}, // flags and content were given one after the other
}

// TestDeaths has each short history of two ends be synced by a run in which one end
// dies at one of its steps.
func TestDeaths(t *testing.T) {
	t.Parallel()
	each := deathsEach
	if n, err := strconv.Atoi(os.Getenv("SMD_APPLET_CRASH")); err == nil && n > 0 {
		each = n
	}
	nth := min(each, stepsEach)
	oneIn := each / nth
	d := &deaths{t: t, start: newPair(t), dir: tempDir(t)}
	d.begin()
	type numbered struct {
		n     int
		deeds []synctest.Deed
		nth   int
	}
	histories := make(chan numbered)
	var workers stdsync.WaitGroup
	for range 8 { // a sync waits for its other end
		workers.Go(func() {
			for h := range histories {
				for end := range 2 {
					for n := h.n % h.nth; d.dies(h.deeds, end, n); n += h.nth {
						d.died.Add(1)
					}
				}
			}
		})
	}
	sequences, tried := 0, 0
	for _, deeds := range deathsFound {
		histories <- numbered{0, deeds, 1}
	}
	for deeds := range synctest.ShortHistories(3) {
		if sequences++; sequences%oneIn > 0 {
			continue
		}
		if d.wrong.Load() >= mostWrong {
			break
		}
		if tried++; tried%100 == 0 {
			t.Logf("%d of %d histories, %d deaths so far", tried, sequences, d.died.Load())
		}
		histories <- numbered{tried, deeds, nth}
	}
	close(histories)
	workers.Wait()
	t.Attr("cases", fmt.Sprint(d.died.Load()))
	t.Logf("%d of %d histories, %d deaths, %d of them mended by the second run only", tried, sequences, d.died.Load(), d.second.Load())
}

type deaths struct {
	t      *testing.T
	start  *pair
	dir    string
	number atomic.Int64
	died   atomic.Int64
	second atomic.Int64
	wrong  atomic.Int64
}

// mostWrong is how much may go wrong before no more is tried.
const mostWrong = 20

func (d *deaths) fail(deeds []synctest.Deed, format string, args ...any) bool {
	d.wrong.Add(1)
	d.t.Errorf("%v, "+format, append([]any{deeds}, args...)...)
	return false
}

// begin makes what every history begins with: two ends that agree.
func (d *deaths) begin() {
	d.t.Helper()
	box := d.start.side.box
	for n := range 4 {
		folder := ".a"
		if n == 3 {
			folder = "."
		}
		if _, err := box.DeliverContent(folder, fmt.Appendf(nil, "Subject: letter %d\n\nbody\n", n)); err != nil {
			d.t.Fatal(err)
		}
	}
	d.start.mustSync()
}

// again is the same pair elsewhere.
func (d *deaths) again() (*pair, string, error) {
	dir := filepath.Join(d.dir, fmt.Sprint(d.number.Add(1)))
	p := &pair{t: d.t, opt: d.start.opt, client: d.start.client.as(filepath.Join(dir, "client")), side: d.start.side.as(filepath.Join(dir, "server"))}
	return p, dir, errors.Join(os.Mkdir(dir, 0o700), mirror(d.start.client.home, p.client.home), mirror(d.start.side.home, p.side.home))
}

// as is the same end in another home.
func (s *side) as(home string) *side {
	return &side{t: s.t, home: home, log: s.log, box: synctest.OpenMailbox(filepath.Join(home, "Mail"), filepath.Base(home))}
}

// mirror makes a home what another one is. Messages are the same files: they look as
// the agreed state says, and nobody writes into one.
func mirror(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		name := filepath.Join(to, strings.TrimPrefix(path, from))
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return os.Mkdir(name, 0o700)
		case e.Name() != "state":
			return os.Link(path, name)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(name, b, 0o600)
	})
}

// dies has an end die after n steps in the sync that follows the history, and has
// both go on. It reports whether the end took more steps than that.
func (d *deaths) dies(deeds []synctest.Deed, end, n int) bool {
	p, dir, err := d.again()
	defer os.RemoveAll(dir)
	if err != nil {
		return d.fail(deeds, "%v", err)
	}
	account, err := synctest.OpenAccount(p.client.box)
	for _, deed := range deeds {
		if err == nil {
			err = account.Do([]*synctest.Mailbox{p.client.box, p.side.box}[deed.End], deed)
		}
	}
	if err != nil {
		return d.fail(deeds, "%v", err)
	}
	m, res, err := p.dieSync(end, n)
	before := m.died()
	if before == "" && (err != nil || res.Again) {
		return d.fail(deeds, "nobody dies: %v, %+v", err, res)
	}
	if wrong := d.aftermath(p, m, account); wrong != "" {
		d.fail(deeds, "end %d dies after %d steps, before %q: %v: %s", end, n, before, err, wrong)
	}
	return before != ""
}

// dieSync has an end die after n steps of a sync.
func (p *pair) dieSync(end, n int) (*mortal, *twoway.Result, error) {
	m := &mortal{home: p.client.home, left: n}
	line := &p.line
	if end == 1 {
		m.home, line = p.side.home, &p.far
	}
	*line = m.connected
	mortals.Store(m.home, m)
	res, err := p.sync()
	mortals.Delete(m.home)
	*line = nil
	return m, res, err
}

// aftermath says what is wrong with what a death leaves, and with what becomes of
// that.
func (d *deaths) aftermath(p *pair, m *mortal, account *synctest.Account) string {
	if m.remains != "" {
		if now, err := remains(m.home); err != nil || now != m.remains {
			return fmt.Sprintf("the dead end went on: %v", err)
		}
	}
	here, there, err := p.censuses()
	if err != nil {
		return err.Error()
	}
	if wrong := account.CheckAmong(here, there); wrong != "" {
		return "when it was dead: " + wrong
	}
	wrong := ""
	for run := range 2 {
		res, err := p.sync()
		if err != nil || res.Again {
			return fmt.Sprintf("run %d after it: %v, %+v", run+1, err, res)
		}
		if wrong = p.unsettled(account); wrong == "" {
			d.second.Add(int64(run))
			return ""
		}
	}
	return wrong
}

func (p *pair) censuses() (here, there synctest.Census, err error) {
	here, err = synctest.TakeCensus(p.client.box.Root)
	if err == nil {
		there, err = synctest.TakeCensus(p.side.box.Root)
	}
	return here, there, err
}

// unsettled says what is wrong with two ends after a run.
func (p *pair) unsettled(account *synctest.Account) string {
	here, there, err := p.censuses()
	if err != nil {
		return err.Error()
	}
	if d := synctest.DiffNames(here, there); d != "" {
		return "the ends differ: " + d
	}
	if a, b := slices.Sorted(maps.Keys(here)), slices.Sorted(maps.Keys(there)); !slices.Equal(a, b) {
		return fmt.Sprintf("the ends have the folders %q and %q", a, b)
	}
	for _, s := range []*side{p.client, p.side} {
		err := filepath.WalkDir(s.home, func(path string, e fs.DirEntry, err error) error {
			rel := strings.TrimPrefix(path, s.home)
			if err == nil && rel != "/state" && !e.IsDir() && !inMail(rel[1:]) {
				err = fmt.Errorf("%s is left", path)
			}
			return err
		})
		if err != nil {
			return err.Error()
		}
	}
	return account.Check(here)
}
