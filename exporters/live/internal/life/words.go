package life

import "encoding/binary"

// words are numbers of 32 bits, as they lie in the file: what is on disk is read where it is.
type words []byte

func (w words) len() int { return len(w) / 4 }

func (w words) at(i int) uint32 { return binary.LittleEndian.Uint32(w[4*i:]) }

func (w words) set(i int, v uint32) { binary.LittleEndian.PutUint32(w[4*i:], v) }

func (w words) append(vs ...uint32) words {
	for _, v := range vs {
		w = binary.LittleEndian.AppendUint32(w, v)
	}
	return w
}
