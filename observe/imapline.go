package observe

const maxIMAPLine = 8 << 10 // RFC 2683 section 3.2.1.5 asks servers for 8000 bytes

// imapSide is what one side is saying.
type imapSide struct {
	line
	literal uint64 // bytes of a literal still to come
}

// skip skips what is left of a literal.
func (s *imapSide) skip(b []byte) []byte {
	n := min(s.literal, uint64(len(b)))
	s.literal -= n
	return b[n:]
}
