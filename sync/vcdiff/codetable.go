package vcdiff

// instruction is one half of an entry of the code table; a size of 0 follows in
// the instruction section.
type instruction struct {
	kind byte
	size byte
	mode byte
}

// codeTable is the default code table (RFC 3284 §5.6).
var codeTable = makeCodeTable()

func makeCodeTable() (t [256][2]instruction) {
	i := 0
	put := func(a, b instruction) {
		t[i] = [2]instruction{a, b}
		i++
	}
	put(instruction{kind: run}, instruction{})
	for size := range byte(18) {
		put(instruction{kind: add, size: size}, instruction{})
	}
	for mode := range byte(copyModes) {
		put(instruction{kind: copying, mode: mode}, instruction{})
		for size := byte(4); size <= 18; size++ {
			put(instruction{kind: copying, size: size, mode: mode}, instruction{})
		}
	}
	for mode := range byte(copyModes) {
		longest := byte(6)
		if mode >= 2+nearSlots {
			longest = 4
		}
		for size := byte(1); size <= 4; size++ {
			for length := byte(4); length <= longest; length++ {
				put(instruction{kind: add, size: size}, instruction{kind: copying, size: length, mode: mode})
			}
		}
	}
	for mode := range byte(copyModes) {
		put(instruction{kind: copying, size: 4, mode: mode}, instruction{kind: add, size: 1})
	}
	return t
}

// The codes the encoder uses: instructions whose sizes follow.
const (
	codeAdd  = 1
	codeCopy = 19 // mode VCD_SELF: the address as it is
)

// addressCache is the cache of addresses (RFC 3284 §5.1).
type addressCache struct {
	near [nearSlots]uint64
	next int
	same [sameSlots * 256]uint64
}

func (c *addressCache) reset() { *c = addressCache{} }

func (c *addressCache) update(addr uint64) {
	c.near[c.next] = addr
	c.next = (c.next + 1) % nearSlots
	c.same[addr%(sameSlots*256)] = addr
}

// decode reads an address; here is the position of the copy in the window.
func (c *addressCache) decode(mode byte, here uint64, s *section) (uint64, error) {
	var addr uint64
	switch {
	case mode >= 2+nearSlots:
		b, err := s.byte()
		if err != nil {
			return 0, err
		}
		addr = c.same[int(mode-2-nearSlots)*256+int(b)]
	default:
		v, err := s.varint()
		if err != nil {
			return 0, err
		}
		switch mode {
		case 0:
			addr = v
		case 1:
			addr = here - v
		default:
			addr = c.near[mode-2] + v
		}
	}
	if addr >= here {
		return 0, formatError("a copy from %d at %d", addr, here)
	}
	c.update(addr)
	return addr, nil
}
