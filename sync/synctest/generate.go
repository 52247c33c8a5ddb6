package synctest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options say what mailbox [Generate] makes. Equal options make equal mailboxes.
type Options struct {
	Seed     uint64
	Messages int
	Folders  int // at least 1; sizes fall from the inbox on
	Layout   Layout
	// MedianSize and MaxSize bound the lognormal message sizes, in bytes;
	// 0 means 4 KB and 2 MB.
	MedianSize, MaxSize int
	// Tiny makes messages of a few hundred bytes, for tests that count
	// messages and not bytes.
	Tiny bool
	// NoCopies leaves out the identical copies: else one message in a
	// hundred is one of an earlier message.
	NoCopies bool
}

// generatedAt is the time of the youngest generated message: a constant, so
// that mailboxes are equal on every day, and past, as in a mailbox left alone.
var generatedAt = time.Date(2024, time.June, 1, 12, 0, 0, 0, time.UTC)

// planned is one message before it is written.
type planned struct {
	folder string
	name   string // with flags
	isNew  bool
	copyOf int // index of the message whose content this one has, or its own
	parent int // index of the message answered, or -1
	date   time.Time
}

// Generate makes a mailbox of realistic messages at root and returns its
// census. Nothing is fsynced. File times are the delivery times.
func Generate(root string, o Options) (Census, error) {
	folders := folderPaths(o.Layout, max(o.Folders, 1))
	for _, folder := range folders {
		if err := makeFolder(filepath.Join(root, folder)); err != nil {
			return nil, err
		}
	}
	c := o.composer()
	plan := makePlan(o, folders)
	messages := make([]Message, len(plan))

	// Each worker takes every n-th message and has one buffer.
	workers := runtime.GOMAXPROCS(0)
	var group errgroup.Group
	for w := range workers {
		group.Go(func() error {
			var b bytes.Buffer
			for i := w; i < len(plan); i += workers {
				b.Reset()
				c.compose(&b, letterOf(plan, plan[i].copyOf))
				if err := writePlanned(root, plan[i], b.Bytes()); err != nil {
					return err
				}
				messages[i] = messageOf(plan[i].name, plan[i].isNew, sha256.Sum256(b.Bytes()))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("generate mailbox: %w", err)
	}

	census := make(Census, len(folders))
	for _, folder := range folders {
		census[folder] = nil
	}
	for i, m := range messages {
		census[plan[i].folder] = append(census[plan[i].folder], m)
	}
	census.sort()
	return census, nil
}

func (o Options) composer() composer {
	c := composer{seed: o.Seed, median: 4 << 10, max: 2 << 20, tiny: o.Tiny}
	if o.MedianSize > 0 {
		c.median = float64(o.MedianSize)
	}
	if o.MaxSize > 0 {
		c.max = float64(o.MaxSize)
	}
	return c
}

// makePlan decides for every message where it lies, when it came, what it
// answers and what is set on it.
func makePlan(o Options, folders []string) []planned {
	rng := rand.New(rand.NewPCG(o.Seed, math.MaxUint64))
	plan := make([]planned, o.Messages)
	share := shares(len(folders))
	date := generatedAt.Add(-time.Duration(o.Messages) * time.Hour)
	for i := range plan {
		date = date.Add(time.Duration(rng.Int64N(int64(2 * time.Hour))))
		date = earlier(date, generatedAt)
		p := planned{copyOf: i, parent: -1, date: date}
		if i < len(folders) {
			p.folder = folders[i] // no folder stays empty
		} else {
			p.folder = folders[pick(share, rng.Float64())]
		}
		if i > 0 && rng.Float64() < 0.4 {
			p.parent = i - 1 - rng.IntN(min(i, 50))
		}
		if i > 0 && !o.NoCopies && rng.Float64() < 0.01 {
			p.copyOf = plan[rng.IntN(i)].copyOf
		}
		p.name = uniqueName(date.Add(time.Duration(rng.IntN(1e6))*time.Microsecond), 100+rng.IntN(30000), int64(i), "mx.example")
		if p.isNew = rng.Float64() < 0.03; !p.isNew {
			p.name += ":2," + drawFlags(rng)
		}
		plan[i] = p
	}
	return plan
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// shares returns the upper bounds of the folders' parts of [0, 1): the k-th
// folder gets a part that falls nearly as 1/k.
func shares(folders int) []float64 {
	bounds := make([]float64, folders)
	total := 0.0
	for k := range bounds {
		total += 1 / math.Pow(float64(k+1), 0.9)
		bounds[k] = total
	}
	for k := range bounds {
		bounds[k] /= total
	}
	return bounds
}

func pick(bounds []float64, x float64) int {
	for k, bound := range bounds {
		if x < bound {
			return k
		}
	}
	return len(bounds) - 1
}

func drawFlags(rng *rand.Rand) string {
	flags := ""
	for _, f := range []struct {
		flag   string
		chance float64
	}{{"D", 0.01}, {"F", 0.04}, {"P", 0.02}, {"R", 0.2}, {"S", 0.9}, {"T", 0.02}} {
		if rng.Float64() < f.chance {
			flags += f.flag
		}
	}
	return flags
}

// letterOf is what the i-th message says; its thread goes back ten messages.
func letterOf(plan []planned, i int) letter {
	l := letter{id: uint64(i), date: plan[i].date}
	for p := plan[i].parent; p >= 0 && len(l.refs) < 10; p = plan[p].parent {
		l.refs = append([]uint64{uint64(p)}, l.refs...)
	}
	return l
}

func writePlanned(root string, p planned, content []byte) error {
	sub := "cur"
	if p.isNew {
		sub = "new"
	}
	path := filepath.Join(root, p.folder, sub, p.name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	return os.Chtimes(path, p.date, p.date)
}
