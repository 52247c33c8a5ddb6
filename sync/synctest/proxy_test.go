package synctest_test

import (
	"bytes"
	"io"
	"net"
	"os"
	stdsync "sync"
	"testing"
	"time"

	"smd-applet/sync/synctest"
)

// startEcho starts a server that sends everything back.
func startEcho(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group stdsync.WaitGroup
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn) // it ends when the link does
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		group.Wait()
	})
	return listener.Addr().String()
}

func dial(t *testing.T, p *synctest.Proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp4", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func echo(conn net.Conn, text string) error {
	if _, err := io.WriteString(conn, text); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, len(text)))
	return err
}

func TestProxyCarriesBytesAndCounts(t *testing.T) {
	t.Parallel()
	p := synctest.StartProxy(t, startEcho(t))
	conn := dial(t, p)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	var group stdsync.WaitGroup
	group.Go(func() {
		_, _ = conn.Write(sent)              // the reader below sees a failure
		_ = conn.(*net.TCPConn).CloseWrite() // as above
	})
	got, err := io.ReadAll(conn)
	group.Wait()
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes back of %d, %v", len(got), len(sent), err)
	}
	if p.BytesUp() != int64(len(sent)) || p.BytesDown() != int64(len(sent)) {
		t.Errorf("counted %d up, %d down", p.BytesUp(), p.BytesDown())
	}
}

// Each question and its answer are one turn, however long the answer is.
func TestProxyTurns(t *testing.T) {
	t.Parallel()
	p := synctest.StartProxy(t, startEcho(t))
	conn := dial(t, p)
	for range 3 {
		if err := echo(conn, "hello"); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.Turns(); got != 3 {
		t.Errorf("%d turns, want 3", got)
	}
}

func TestProxyCutAndRestore(t *testing.T) {
	t.Parallel()
	p := synctest.StartProxy(t, startEcho(t))
	conn := dial(t, p)
	if err := echo(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	p.Cut()
	if err := echo(conn, "hello"); err == nil {
		t.Error("bytes pass a cut link")
	}
	// The refusal may come as early as the dial.
	if late, err := net.Dial("tcp4", p.Addr); err == nil {
		defer late.Close()
		if err := echo(late, "hello"); err == nil {
			t.Error("a cut link takes new connections")
		}
	}
	p.Restore()
	if err := echo(dial(t, p), "hello"); err != nil {
		t.Errorf("after the restore: %v", err)
	}
}

func TestProxyCutAfter(t *testing.T) {
	t.Parallel()
	p := synctest.StartProxy(t, startEcho(t))
	conn := dial(t, p)
	p.CutAfter(25) // ten there, ten back, five there
	if err := echo(conn, "0123456789"); err != nil {
		t.Fatal(err)
	}
	if err := echo(conn, "0123456789"); err == nil {
		t.Error("bytes pass after the cut")
	}
	if up, down := p.BytesUp(), p.BytesDown(); up != 15 || down != 10 {
		t.Errorf("%d up, %d down, want 15 and 10", up, down)
	}
}

func TestProxyStall(t *testing.T) {
	t.Parallel()
	p := synctest.StartProxy(t, startEcho(t))
	conn := dial(t, p)
	if err := echo(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	p.Stall()
	if _, err := io.WriteString(conn, "are you there?"); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var buf [14]byte
	if _, err := conn.Read(buf[:]); !os.IsTimeout(err) {
		t.Fatalf("a stalled link answered: %v", err)
	}
	p.Restore()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, buf[:]); err != nil || string(buf[:]) != "are you there?" {
		t.Errorf("after the stall: %q, %v", buf[:], err)
	}
}

// A test may end with its link stalled.
func TestProxyEndsStalled(t *testing.T) {
	t.Parallel()
	p := synctest.StartProxy(t, startEcho(t))
	conn := dial(t, p)
	p.Stall()
	if _, err := io.WriteString(conn, "lost"); err != nil {
		t.Fatal(err)
	}
}

func TestProxyLatency(t *testing.T) {
	t.Parallel()
	p := synctest.StartProxy(t, startEcho(t))
	p.SetLatency(30 * time.Millisecond)
	conn := dial(t, p)
	start := time.Now()
	if err := echo(conn, "ping"); err != nil {
		t.Fatal(err)
	}
	if rtt := time.Since(start); rtt < 60*time.Millisecond {
		t.Errorf("round trip took %v, want at least 60ms", rtt)
	}
}
