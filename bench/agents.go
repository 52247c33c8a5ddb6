//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"smd-applet/sync/synctest"
)

// Each user of the server has a mailbox like this.
const (
	userMessages = 200
	userFolders  = 20
)

// crowd is a server with many users, whose loops stay connected.
type crowd struct {
	*stage
	program string
	home    string // holds the users'
	sshd    *synctest.SSHD
	post    *synctest.Mailbox // where messages are written
	laptops []int             // the accounts of the laptops
	users   []*user
}

// user is a mailbox at the server and the laptop that keeps it.
type user struct {
	there *synctest.Mailbox
	note  string // the directory of the agent's witness
	agent int    // its process id
	loop  *exec.Cmd
}

// agents measures what resident users cost a server, with more and more of them,
// and reckons what ten thousand would need.
func agents(f *field) (err error) {
	var ours *smd
	for _, e := range f.entrants {
		if ours == nil {
			ours = e.resident()
		}
	}
	if ours == nil {
		return nil
	}
	t := f.table("agents", "", "", "agents", "CPU idle, an hour", "CPU a delivery", "memory", "with sshd's", "open files", "inotify watches", "inotify instances", "threads", "processes")
	t.title = "The server's side, a resident user"
	t.note = fmt.Sprintf("So many smd-loops stay connected through one sshd, each with a mailbox of %d messages in %d folders and, where this is root, an account of its own; all figures are for one agent, the mean. Memory is the proportional set size, in which what processes share is divided among them. Idleness was watched for %s.", userMessages, userFolders, f.idle/2)
	c := &crowd{stage: f.stage, program: ours.program, laptops: laptopAccounts()}
	defer func() { err = errors.Join(err, c.end()) }()
	if err := f.try(c.open); err != nil {
		return err
	}
	var before, last load
	for _, n := range f.agents {
		if most := c.most(); n > most {
			t.note += fmt.Sprintf(" More than %d were not tried, since one account has %d inotify instances here (`fs.inotify.max_user_instances`).", most, maxInstances())
			break
		}
		if err := c.grow(n); err != nil {
			return err
		}
		before = last
		if last, err = c.measure(f.idle / 2); err != nil {
			return err
		}
		one := last.each()
		t.add(fmt.Sprint(n), seconds(one.idle), seconds(one.delivery), megabytes(one.memory), megabytes(one.memory+one.sshd),
			fmt.Sprint(one.files), fmt.Sprint(one.watches), fmt.Sprint(one.instances), fmt.Sprint(one.threads), fmt.Sprint(one.processes))
	}
	f.show(t)
	if last.n == 0 {
		return nil
	}
	f.show(needs(f, before, last))
	return nil
}

// needs reckons what many users need from the loads of a few: what the last ones
// added, so many times.
func needs(f *field, before, last load) *table {
	const many = 10_000
	one := last.each()
	added := one
	if before.n > 0 {
		added = last.minus(before).each()
	}
	t := f.table("needs", "", "", "what", "for 10,000 users", "setting")
	t.title = "What 10,000 resident users would need"
	t.note = fmt.Sprintf("Reckoned from what the agents from %d to %d added each; a mailbox with more folders takes a watch for each `cur` and `new` and for each folder.", before.n, last.n)
	t.add("memory, agents", megabytes(added.memory*many), "`GOMEMLIMIT` in the agents' environment bounds one")
	t.add("memory, sshd", megabytes(added.sshd*many), "none; a lighter sshd is not needed: most of it is what ssh needs for a line")
	t.add("processors, idle", fmt.Sprintf("%.2f", one.idle.Seconds()*many/3600), "`ClientAliveInterval` of sshd sets how often idle lines speak")
	t.add("processors, each user having 10 messages an hour", fmt.Sprintf("%.2f", (one.idle.Seconds()+10*one.delivery.Seconds())*many/3600), "`GOMAXPROCS=1` in the agents' environment: fewer threads")
	t.add("open files", fmt.Sprint(one.files*many), "`fs.file-max`; each process is far below its `LimitNOFILE`")
	t.add("inotify watches", fmt.Sprint(one.watches*many), fmt.Sprintf("`fs.inotify.max_user_watches` (here %d) holds for one account: %d for each, all of them where the users share one", maxWatches(), one.watches))
	t.add("inotify instances", fmt.Sprint(one.instances*many), fmt.Sprintf("`fs.inotify.max_user_instances` (here %d) holds for one account: enough for each, too few where the users share one. Without them an agent looks at its folders every 20 seconds", maxInstances()))
	t.add("processes and threads", fmt.Sprint((one.threads+one.processes-1)*many), "`kernel.pid_max`, `kernel.threads-max`, and `TasksMax` of the slices that hold sshd's sessions")
	t.add("logins at once, after a restart", "10000", "`MaxStartups` of sshd: clients that are turned away come again by themselves, later and later")
	return t
}

// load is what so many agents need together.
type load struct {
	n                                             int
	idle, delivery                                time.Duration // of an hour; of a message to each
	memory, sshd                                  int64
	files, watches, instances, threads, processes int
}

func (l load) minus(m load) load {
	return load{
		l.n - m.n, l.idle - m.idle, l.delivery - m.delivery, l.memory - m.memory, l.sshd - m.sshd,
		l.files - m.files, l.watches - m.watches, l.instances - m.instances, l.threads - m.threads, l.processes - m.processes,
	}
}

// each is the load of one.
func (l load) each() load {
	return load{
		1, l.idle / time.Duration(l.n), l.delivery / time.Duration(l.n), l.memory / int64(l.n), l.sshd / int64(l.n),
		l.files / l.n, l.watches / l.n, l.instances / l.n, l.threads / l.n, l.processes / l.n,
	}
}

func (c *crowd) open() {
	c.home = c.TempDir()
	// What root's users run and read has to be in their reach.
	for _, dir := range []string{c.top, c.home, c.bin} {
		if err := os.Chmod(dir, 0o755); err != nil {
			c.Fatalf("%v", err)
		}
	}
	c.post = synctest.OpenMailbox(filepath.Join(c.home, "post"), "server")
	c.sshd = synctest.StartSSHD(c, synctest.SSHDOptions{ServerHome: c.home})
}

func (c *crowd) end() error {
	var errs []error
	for _, u := range c.users {
		errs = append(errs, u.loop.Process.Signal(syscall.SIGTERM))
	}
	for _, u := range c.users {
		_ = u.loop.Wait() // whether it ended well is no question here
		_, err := ended(context.WithoutCancel(c.ctx), u.note)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// agentAccounts is the first of the users' accounts, which the system need not know.
const agentAccounts = 200_000

// laptopAccounts are those that the laptops share: ssh wants an account that the
// system knows, and none has inotify instances enough for all.
func laptopAccounts() []int {
	text, _ := os.ReadFile("/etc/passwd") // root will do
	var list []int
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(line, ":")
		if len(fields) < 3 {
			continue
		}
		if id, err := strconv.Atoi(fields[2]); err == nil && id > 0 {
			list = append(list, id)
		}
	}
	if len(list) == 0 {
		return []int{0}
	}
	return list
}

// as is a command that runs as an account, where this is root.
func as(account int, argv ...string) []string {
	if os.Getuid() != 0 {
		return argv
	}
	id := strconv.Itoa(account)
	return append([]string{"setpriv", "--reuid=" + id, "--regid=" + id, "--clear-groups"}, argv...)
}

// most is how many users can be had here: a loop has two inotify instances and its
// agent one.
func (c *crowd) most() int {
	if os.Getuid() == 0 && lacks("setpriv") == "" {
		return 10_000
	}
	return max(0, maxInstances()-10) / 4
}

func maxInstances() int { return kernelLimit("max_user_instances") }
func maxWatches() int   { return kernelLimit("max_user_watches") }

func kernelLimit(name string) int {
	text, _ := os.ReadFile("/proc/sys/fs/inotify/" + name) // 0 where there is none
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

// grow adds users until there are so many.
func (c *crowd) grow(n int) error {
	for len(c.users) < n {
		if err := c.add(len(c.users)); err != nil {
			return err
		}
	}
	return nil
}

// add makes a user, starts the loop and waits until it is in step.
func (c *crowd) add(i int) error {
	dir := filepath.Join(c.home, fmt.Sprintf("user-%d", i))
	server, client := filepath.Join(dir, "server"), filepath.Join(dir, "laptop")
	u := &user{there: synctest.OpenMailbox(filepath.Join(server, "Mail"), "server"), note: filepath.Join(dir, "note")}
	for _, d := range []string{dir, server, client, u.note, filepath.Join(client, ".smd")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	o := synctest.Options{Seed: uint64(i + 1), Messages: userMessages, Folders: userFolders, Tiny: true}
	if _, err := synctest.Generate(u.there.Root, o); err != nil {
		return err
	}
	if err := c.try(func() { c.sshd.WriteClientHome(c, client, direct) }); err != nil {
		return err
	}
	laptop := c.laptops[i%len(c.laptops)]
	agent := filepath.Join(dir, "agent")
	line := fmt.Sprintf("cd '%s' && HOME='%s' exec '%s' %s '%s' %s \"$@\"", server, server, c.self, asWitness, u.note, strings.Join(as(agentAccounts+i, c.program), " "))
	text := fmt.Sprintf("SERVERNAME=%s\nCLIENTNAME=laptop-%d\nMAILBOX=Mail\nPROTOCOL=2\nREMOTE_PROGRAM=%s\n", direct, i, agent)
	err := errors.Join(
		writeScript(agent, line),
		os.WriteFile(filepath.Join(client, ".smd", "config.default"), []byte(text), 0o600),
		os.WriteFile(filepath.Join(client, ".smd", "loop"), []byte("60 60 default\n"), 0o600),
		c.give(server, agentAccounts+i), c.give(client, laptop),
	)
	if err != nil {
		return err
	}
	env := append(os.Environ(), "HOME="+client, "DBUS_SYSTEM_BUS_ADDRESS=disabled:", "DBUS_SESSION_BUS_ADDRESS=disabled:")
	argv := as(laptop, c.program, "loop")
	u.loop = command(context.WithoutCancel(c.ctx), argv[0], argv[1:]...)
	u.loop.Env, u.loop.Dir = env, client
	var said lines
	u.loop.Stdout, u.loop.Stderr = &said, &said
	if err := u.loop.Start(); err != nil {
		return err
	}
	c.users = append(c.users, u)
	err = until(c.ctx, "the agent has started", func() (bool, error) {
		all, err := witnessed(u.note)
		for _, w := range all {
			if !w.Done {
				u.agent = w.Pid
			}
		}
		return u.agent != 0, err
	})
	if err != nil {
		return fmt.Errorf("user %d: %w: %s", i, err, said.String())
	}
	argv = as(laptop, c.program, "sync")
	ask := command(c.ctx, argv[0], argv[1:]...)
	ask.Env, ask.Dir = env, client
	if out, err := ask.CombinedOutput(); err != nil {
		return fmt.Errorf("user %d: smd-applet sync: %w: %s", i, err, lastLine(out))
	}
	return nil
}

// give makes a tree an account's, where this is root.
func (c *crowd) give(dir string, account int) error {
	if os.Getuid() != 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, account, account))
	})
}

// measure watches the agents idle, and then with a message for each.
func (c *crowd) measure(watched time.Duration) (load, error) {
	l := load{n: len(c.users)}
	const settles = 5 * time.Second // memory is given back late
	if err := c.pause(settles); err != nil {
		return l, err
	}
	from, err := c.cpu()
	if err != nil {
		return l, err
	}
	if err := c.pause(watched); err != nil {
		return l, err
	}
	to, err := c.cpu()
	if err != nil {
		return l, err
	}
	l.idle = time.Duration(float64(to-from) * float64(time.Hour) / float64(watched))
	shells := make(map[int]bool)
	for _, u := range c.users {
		if err := l.take(u.agent, shells); err != nil {
			return l, err
		}
	}
	for pid := range shells {
		size, err := memory(pid, "smaps_rollup", "Pss")
		if err != nil {
			return l, err
		}
		l.sshd += size
		l.processes++
	}
	if from, err = c.cpu(); err != nil {
		return l, err
	}
	const each = 5
	for range each {
		for i, u := range c.users {
			// Its owner first: the agent reads it the moment it is there.
			message, err := c.post.Deliver(".")
			if err != nil {
				return l, err
			}
			from := c.post.Path(message)
			err = errors.Join(c.give(from, agentAccounts+i), os.Rename(from, u.there.Path(message)))
			if err != nil {
				return l, err
			}
		}
		if err := c.pause(500 * time.Millisecond); err != nil { // each message is a run of its own
			return l, err
		}
	}
	if err := c.pause(settles); err != nil {
		return l, err
	}
	if to, err = c.cpu(); err != nil {
		return l, err
	}
	l.delivery = (to - from) / each
	return l, nil
}

// cpu is what all agents have had until now.
func (c *crowd) cpu() (sum time.Duration, err error) {
	for _, u := range c.users {
		d, err := processCPU(u.agent)
		if err != nil {
			return 0, err
		}
		sum += d
	}
	return sum, nil
}

// take adds an agent's load, and notes the sshd processes that carry its line.
func (l *load) take(pid int, shells map[int]bool) error {
	size, err := memory(pid, "smaps_rollup", "Pss")
	if err != nil {
		return err
	}
	l.memory += size
	l.processes++
	infos, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	if err != nil {
		return err
	}
	for _, info := range infos {
		text, err := os.ReadFile(info)
		if err != nil {
			continue // it was closed meanwhile
		}
		l.files++
		watches := strings.Count(string(text), "\ninotify wd:")
		l.watches += watches
		if watches > 0 {
			l.instances++
		}
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	l.threads += len(threads)
	for pid > 1 && pid != os.Getpid() { // the machine's own sshd may be above
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return err
		}
		name, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest) // state, parent, …
		if strings.Contains(name, "(sshd") {
			shells[pid] = true
		}
		if pid, err = strconv.Atoi(fields[1]); err != nil {
			return fmt.Errorf("parent of a process: %w", err)
		}
	}
	return nil
}
