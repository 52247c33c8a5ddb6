package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"smd-applet/sync/fault"
)

// ErrNotRunning says that neither applet nor loop runs, or that it has no socket.
var ErrNotRunning = errors.New("neither the applet nor smd-loop is running")

// Ask sends a request to the program of a home and returns the answer, when it
// comes or ctx ends. A failure of what was asked for is in the answer.
func Ask(ctx context.Context, home string, r Request) (Reply, error) {
	var reply Reply
	err := converse(ctx, home, r, func(answer Reply) bool {
		reply = answer
		return false
	})
	return reply, err
}

// Watch calls each with the state now and after every change, until ctx ends
// (then it returns nil) or the program does ([ErrNotRunning]).
func Watch(ctx context.Context, home string, each func(*Status)) error {
	err := converse(ctx, home, Request{Do: Follow}, func(answer Reply) bool {
		if answer.Status != nil {
			each(answer.Status)
		}
		return true
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// converse sends r and passes the answer on, line by line, while more wants it.
func converse(ctx context.Context, home string, r Request, more func(Reply) bool) error {
	conn, err := dial(ctx, home)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return hungUp(ctx, err)
	}
	in := json.NewDecoder(bufio.NewReader(conn))
	for {
		var reply Reply
		if err := in.Decode(&reply); err != nil {
			return hungUp(ctx, err)
		}
		if !more(reply) {
			return nil
		}
	}
}

func dial(ctx context.Context, home string) (net.Conn, error) {
	var dialer net.Dialer
	for _, path := range places(home, true) {
		if conn, err := dialer.DialContext(ctx, "unix", path); err == nil {
			return conn, nil
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, ErrNotRunning
}

// hungUp is the failure of a conversation that ended early.
func hungUp(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, new(*json.SyntaxError)), errors.As(err, new(*json.UnmarshalTypeError)):
		return fault.New(fault.Protocol, "read the answer", "", err)
	}
	return fmt.Errorf("%w any more", ErrNotRunning)
}
