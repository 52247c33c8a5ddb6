package restrict

import (
	"bytes"
	"fmt"
	"strings"

	"smd-applet/sync/remote"
)

// Block is the part of ~/.ssh/config that makes a host of its own use the key.
type Block struct {
	Alias string // the host of its own
	Host  string // the one a person logs in to
	Route []remote.Setting
	Key   string // the file, ~ for the home
}

// The lines around a block: what is between them is ours.
const (
	blockBegin = "# smd-applet: "
	blockEnd   = "# smd-applet: end of "
)

func (b Block) begin() string {
	return fmt.Sprintf("%s%s, a key for %s that may only sync; \"smd-applet key --remove %s\" takes it back", blockBegin, b.Alias, b.Host, b.Host)
}

// Text is the block as it stands in the file.
func (b Block) Text() string {
	var t strings.Builder
	fmt.Fprintf(&t, "%s\nHost %s\n", b.begin(), b.Alias)
	for _, s := range b.Route {
		fmt.Fprintf(&t, "    %s %s\n", s.Keyword, s.Value)
	}
	fmt.Fprintf(&t, "    IdentityFile %s\n    IdentitiesOnly yes\n    BatchMode yes\n", b.Key)
	return t.String()
}

// with returns an ssh configuration with the block on top, where no other block
// comes before it, or in the place that it has.
func (b Block) with(text []byte) []byte {
	kept, at := withoutBlock(text, b.Alias)
	block := b.Text()
	if forAll(kept[at:]) {
		block += "Host *\n" // what follows was for all hosts, and stays so
	}
	block += blockEnd + b.Alias + "\n"
	return bytes.Join([][]byte{kept[:at], []byte(block), kept[at:]}, nil)
}

// forAll reports whether a configuration begins with options that stand below no
// Host or Match.
func forAll(text []byte) bool {
	for line := range bytes.Lines(text) {
		words := strings.FieldsFunc(string(line), func(r rune) bool { return r == ' ' || r == '\t' || r == '=' || r == '\n' || r == '\r' })
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		first := strings.ToLower(words[0])
		return first != "host" && first != "match"
	}
	return false
}

// withoutBlock takes out the block of an alias, and says where it was.
func withoutBlock(text []byte, alias string) (kept []byte, at int) {
	inside, found := false, false
	start := 0
	for line := range bytes.Lines(text) {
		switch {
		case !inside && strings.HasPrefix(string(line), blockBegin+alias+", "):
			inside, start = true, len(kept)
			if !found {
				found, at = true, start
			}
			kept = append(kept, line...)
		case inside && strings.TrimSpace(string(line)) == blockEnd+alias:
			inside, kept = false, kept[:start]
		default:
			kept = append(kept, line...)
		}
	}
	if inside { // the end is missing: nobody knows what is ours
		return text, 0
	}
	return kept, at
}

// HostOf returns the host a person logs in to, where alias is one that a block
// makes.
func HostOf(text []byte, alias string) (host string, ok bool) {
	for line := range bytes.Lines(text) {
		rest, is := strings.CutPrefix(string(line), blockBegin+alias+", a key for ")
		if host, _, is2 := strings.Cut(rest, " that may only sync"); is && is2 {
			return host, true
		}
	}
	return "", false
}
