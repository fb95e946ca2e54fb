package life

import (
	"encoding/binary"
	"slices"
)

// marshal is a segment as it lies in the file: times, lengths, and the rest as it is.
func (s *segment) marshal() []byte {
	fields := s.fields()
	size := headerSize
	for _, f := range fields {
		size += len(*f)
	}
	b := make([]byte, 0, size)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.first)) //nolint:gosec // as it is
	b = binary.LittleEndian.AppendUint64(b, uint64(s.last))  //nolint:gosec // as it is
	for _, f := range fields {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(*f))) //nolint:gosec // bounded
	}
	for _, f := range fields {
		b = append(b, *f...)
	}
	return b
}

func (s *segment) fields() [6]*[]byte {
	return [6]*[]byte{&s.texts, (*[]byte)(&s.ends), &s.events, (*[]byte)(&s.starts), (*[]byte)(&s.heads), (*[]byte)(&s.terms)}
}

// unmarshal is a segment that lies in b, and is read there.
func unmarshal(b []byte) (*segment, error) {
	if len(b) < headerSize {
		return nil, errDamaged
	}
	s := &segment{
		first: int64(binary.LittleEndian.Uint64(b)),     //nolint:gosec // it was an int64
		last:  int64(binary.LittleEndian.Uint64(b[8:])), //nolint:gosec // likewise
	}
	lengths, rest := words(b[16:headerSize]), b[headerSize:]
	for i, f := range s.fields() {
		n := int64(lengths.at(i))
		if n > int64(len(rest)) {
			return nil, errDamaged
		}
		*f, rest = slices.Clip(rest[:n]), rest[n:]
	}
	if n := s.heads.len(); n&(n-1) != 0 {
		return nil, errDamaged
	}
	return s, nil
}

// extent is how much of a segment there is.
type extent struct{ texts, ends, events, starts int }

func (s *segment) extent() extent {
	return extent{len(s.texts), len(s.ends), len(s.events), len(s.starts)}
}

// since is what was appended to a segment, with what is needed to read it: its other fields
// follow from its events.
func (s *segment) since(e extent) segment {
	return segment{first: s.first, last: s.last, texts: s.texts[e.texts:], ends: s.ends[e.ends:], events: s.events[e.events:], starts: s.starts[e.starts:]}
}

// join appends what since has returned.
func (s *segment) join(more *segment) {
	s.texts, s.ends = append(s.texts, more.texts...), append(s.ends, more.ends...)
	s.events, s.starts = append(s.events, more.events...), append(s.starts, more.starts...)
}
