package observe

import "bytes"

const (
	maxLine     = 2 << 10 // of SMTP and POP3: twice RFC 5321 section 4.5.3.1.6, as servers do
	maxLineTail = 32
)

// line puts a line together from the pieces it comes in. Of one that is too long it
// keeps the beginning, and the last bytes, in which IMAP announces a literal.
type line struct{ pieces []byte }

// next takes the first line of p, or as much of it as there is, and returns it
// without its line end if it is whole. It is valid until the next call.
func (l *line) next(p []byte, most int) (whole, rest []byte, ok bool) {
	end := bytes.IndexByte(p, '\n')
	if end < 0 {
		l.add(p, most)
		return nil, nil, false
	}
	piece, rest := p[:end], p[end+1:]
	if !l.begun() && len(piece) <= most { // in one piece, as most come
		return trimCR(piece), rest, true
	}
	l.add(piece, most)
	return l.take(), rest, true
}

func (l *line) add(piece []byte, most int) {
	n := min(len(piece), most-len(l.pieces))
	l.pieces = append(l.pieces, piece[:n]...)
	if piece = piece[n:]; len(piece) == 0 {
		return
	}
	tail := l.pieces[most-maxLineTail:]
	piece = piece[max(0, len(piece)-maxLineTail):]
	copy(tail, tail[len(piece):])
	copy(tail[maxLineTail-len(piece):], piece)
}

// begun reports that something of a line has come, and not its end.
func (l *line) begun() bool { return len(l.pieces) > 0 }

// take returns the line as it is.
func (l *line) take() []byte {
	whole := trimCR(l.pieces)
	l.pieces = l.pieces[:0]
	return whole
}

// forget drops the line, or the one that was taken last: it may hold a password.
func (l *line) forget() {
	clear(l.pieces[:cap(l.pieces)])
	l.pieces = nil
}

func trimCR(p []byte) []byte {
	if n := len(p); n > 0 && p[n-1] == '\r' {
		return p[:n-1]
	}
	return p
}
