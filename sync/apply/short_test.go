package apply_test

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"testing"

	"smd-applet/sync/synctest"
)

// unit measures the lines of smd 1.3, and the bytes that a chunk counts.
func unit(_ bool, head []byte) int {
	if head[len(head)-1] != '\n' {
		return 0
	}
	n := 0
	_, _ = fmt.Sscanf(string(head), "chunk %d\n", &n) // else there are none
	return len(head) + n
}

// Of the histories make test takes one in so many, and of their lines one in so
// many; all of them, of histories up to that length, where SMD_APPLET_HISTORIES
// says one.
const shortOneIn, shortSample = 9, 7

// TestShortHistories has each short history of two ends be synced by smd 1.3, a
// pull and a push, which is cut after each line or chunk, in each direction.
func TestShortHistories(t *testing.T) {
	t.Parallel()
	most, nth := 2, shortSample
	if n, err := strconv.Atoi(os.Getenv("SMD_APPLET_HISTORIES")); err == nil {
		most, nth = n, 1
	}
	sequences, cuts := 0, 0
	for deeds := range synctest.ShortHistories(most) {
		if t.Failed() {
			break
		}
		if sequences++; nth > 1 && sequences%shortOneIn > 0 {
			continue
		}
		for way := range 4 {
			for n := sequences % nth; ; n += nth {
				was := false
				t.Run(fmt.Sprint(sequences, way, n), func(t *testing.T) { was = short(t, deeds, way/2 == 1, way%2 == 1, n) })
				if !was {
					break
				}
				cuts++
			}
		}
	}
	t.Attr("cases", strconv.Itoa(cuts))
	t.Logf("%d histories, cut at %d lines", sequences, cuts)
}

// short makes a history, cuts a pull or push after n lines or chunks that the
// receiving end reads or writes, and syncs again. It reports whether there were so
// many.
func short(t *testing.T, deeds []synctest.Deed, push, written bool, n int) bool {
	client, server := newEnd(t, "client"), newEnd(t, "server")
	for i, folder := range []string{".a", ".a", ".a", "."} {
		if _, err := server.box.DeliverContent(folder, fmt.Appendf(nil, "Subject: old %d\n\nbody\n", i)); err != nil {
			t.Fatal(err)
		}
	}
	mustSend(t, server, client)
	account, err := synctest.OpenAccount(client.box)
	for _, d := range deeds {
		if err == nil {
			err = account.Do([]*end{client, server}[d.End].box, d)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	from, to := server, client
	if push {
		mustSend(t, server, client)
		from, to = client, server
	}
	read, write := n, -1
	if written {
		read, write = -1, n
	}
	var line *synctest.CutChannel
	_, _, serr, aerr := sendOver(t, from, to, nil, func(c io.ReadWriteCloser) io.ReadWriteCloser {
		line = synctest.CutAfter(c, unit, read, write)
		return line
	})
	if (serr != nil || aerr != nil) && !line.WasCut() {
		t.Errorf("serve: %v; apply: %v, without a cut", serr, aerr)
	}
	where := fmt.Sprintf("%v, cut after %d lines (push %t, written %t)", deeds, n, push, written)
	if d := together(t, server, client); d != "" {
		t.Fatalf("%s: server and client differ: %s", where, d)
	}
	if wrong := account.Check(client.census()); wrong != "" {
		t.Errorf("%s: %s", where, wrong)
	}
	return line.WasCut()
}

// together pulls and pushes twice and says how the ends differ then.
func together(t *testing.T, server, client *end) string {
	t.Helper()
	for range 2 {
		for _, ends := range [][2]*end{{server, client}, {client, server}} {
			if _, _, serr, aerr := send(t, ends[0], ends[1], nil); serr != nil || aerr != nil {
				t.Fatalf("serve: %v; apply: %v", serr, aerr)
			}
		}
	}
	return synctest.DiffNames(server.census(), client.census())
}
