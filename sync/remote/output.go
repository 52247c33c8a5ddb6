package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Output runs a command on a host with stdin as its input, and returns what it
// prints, at most limit bytes. Its error is that of [Host.Start] or
// [Channel.Wait]; what was printed before it is returned too.
func Output(ctx context.Context, host Host, argv []string, stdin io.Reader, limit int64) ([]byte, error) {
	channel, err := host.Start(ctx, argv, nil)
	if err != nil {
		return nil, err
	}
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(channel, stdin)
		sent <- errors.Join(err, channel.CloseWrite())
	}()
	said, err := io.ReadAll(io.LimitReader(channel, limit+1))
	if err == nil && int64(len(said)) > limit {
		return nil, errors.Join(fmt.Errorf("%s prints more than %d bytes", argv[0], limit), channel.Close(), <-sent)
	}
	ended := channel.Wait()
	cut := <-sent
	if err := errors.Join(channel.Close(), err); ended == nil && err != nil {
		ended = err
	}
	if ended == nil {
		ended = cut // it ended well, and did not want all of its input
	}
	return said, ended
}
