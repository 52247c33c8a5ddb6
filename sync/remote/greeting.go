package remote

import (
	"bufio"
	"errors"
)

// MaxNoise bounds what may stand before a greeting, in bytes.
const MaxNoise = 64 << 10

// ErrNoGreeting says that what was started is not there, or another program.
var ErrNoGreeting = errors.New("it does not greet as smd-applet does")

// SkipTo reads up to the end of the line that is greeting, the newline included: a
// shell's start-up files may print something before. Where that line does not come
// it returns [ErrNoGreeting].
func SkipTo(b *bufio.Reader, greeting string) error {
	for noise := 0; ; {
		line, err := b.ReadSlice('\n')
		if string(line) == greeting {
			return nil
		}
		noise += len(line)
		if (err != nil && !errors.Is(err, bufio.ErrBufferFull)) || noise > MaxNoise {
			return ErrNoGreeting
		}
	}
}
