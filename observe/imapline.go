package observe

import "bytes"

const (
	maxIMAPLine = 8 << 10 // RFC 2683 section 3.2.1.5 asks servers for 8000 bytes
	maxIMAPTail = 32      // a literal's length fits
)

// imapSide is what one side is saying.
type imapSide struct {
	literal uint64 // bytes of a literal still to come
	partial []byte // of a line; of one that is too long, its beginning and its end
	pieced  bool   // the line that was taken last has been put together there
}

// skip skips what is left of a literal.
func (s *imapSide) skip(b []byte) []byte {
	n := min(s.literal, uint64(len(b)))
	s.literal -= n
	return b[n:]
}

// line takes a line, without its end. It is valid until the next call.
func (s *imapSide) line(b []byte) (line, rest []byte, ended bool) {
	part, rest, ended := bytes.Cut(b, []byte{'\n'})
	if !ended || len(s.partial) > 0 || len(part) > maxIMAPLine {
		s.add(part)
		if !ended {
			return nil, nil, false
		}
		part, s.partial, s.pieced = s.partial, s.partial[:0], true
	}
	return bytes.TrimSuffix(part, []byte{'\r'}), rest, true
}

func (s *imapSide) add(part []byte) {
	n := min(maxIMAPLine-len(s.partial), len(part))
	s.partial = append(s.partial, part[:n]...)
	if part = part[n:]; len(part) == 0 {
		return
	}
	tail := s.partial[maxIMAPLine-maxIMAPTail:]
	part = part[max(0, len(part)-maxIMAPTail):]
	copy(tail, tail[len(part):])
	copy(tail[maxIMAPTail-len(part):], part)
}

// wipe forgets the line that was taken last: it may have held a password.
func (s *imapSide) wipe() {
	if s.pieced {
		clear(s.partial[:cap(s.partial)])
		s.pieced = false
	}
}
