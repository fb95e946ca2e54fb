package observe

import "bytes"

// line puts a line together from the pieces it comes in. What goes beyond its bound
// is left out.
type line struct {
	kept  []byte
	begun bool   // something of it has come
	last  []byte // what next has returned, while that is valid
}

const maxLine = 2048 // twice what RFC 5321 section 4.5.3.1.6 allows, as servers do

// next takes the first line of p, or as much of it as there is, and returns it
// without its line end if it is whole. It is valid until the next call.
func (l *line) next(p []byte) (whole, rest []byte, ok bool) {
	i := bytes.IndexByte(p, '\n')
	if i < 0 {
		l.keep(p)
		return nil, nil, false
	}
	if !l.begun { // in one piece, as most come
		l.last = trimCR(p[:min(i, maxLine)])
		return l.last, p[i+1:], true
	}
	l.keep(p[:i])
	l.last = l.take()
	return l.last, p[i+1:], true
}

func (l *line) keep(p []byte) {
	l.begun = true
	l.kept = append(l.kept, p[:min(len(p), maxLine-len(l.kept))]...)
}

// take returns the line as it is.
func (l *line) take() []byte {
	whole := trimCR(l.kept)
	l.drop()
	return whole
}

func (l *line) drop() { l.kept, l.begun = l.kept[:0], false }

// forget drops the line, which may hold a password.
func (l *line) forget() {
	clear(l.kept[:cap(l.kept)])
	l.drop()
}

func trimCR(p []byte) []byte { return bytes.TrimSuffix(p, []byte{'\r'}) }
