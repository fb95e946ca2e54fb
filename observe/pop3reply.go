package observe

import "bytes"

// pop3Status is how the first line of a reply begins.
type pop3Status uint8

const (
	pop3Strange   pop3Status = iota // as no reply does
	pop3OK                          // +OK
	pop3Err                         // -ERR
	pop3Challenge                   // "+ ", of AUTH (RFC 5034 section 4)
)

// pop3Replies finds the ends of replies in what a server sends. It keeps a few
// bytes, whatever it is sent.
type pop3Replies struct {
	prefix  [4]byte // of the line that has begun
	length  int     // how much of prefix there is
	matched int     // of the terminator, at the end of what was sent last
}

// status takes the rest of a status line from p.
func (r *pop3Replies) status(p []byte) (status pop3Status, rest []byte, complete bool) {
	end := bytes.IndexByte(p, '\n')
	line := p
	if end >= 0 {
		line = p[:end]
	}
	r.length += copy(r.prefix[r.length:], line)
	if end < 0 {
		return pop3Strange, nil, false
	}
	status = pop3StatusOf(bytes.TrimRight(r.prefix[:r.length], "\r"))
	*r = pop3Replies{matched: 1} // the terminator may follow at once
	return status, p[end+1:], true
}

func pop3StatusOf(prefix []byte) pop3Status {
	switch {
	case len(prefix) >= 3 && bytes.EqualFold(prefix[:3], []byte("+OK")):
		return pop3OK
	case bytes.EqualFold(prefix, []byte("-ERR")):
		return pop3Err
	case string(prefix) == "+", bytes.HasPrefix(prefix, []byte("+ ")):
		return pop3Challenge
	}
	return pop3Strange
}

// pop3End ends a multi-line reply (RFC 1939 section 3). The line before it may
// lack its CR, where a message does.
var pop3End = []byte("\n.\r\n")

// body takes the rest of a multi-line reply from p, at the cost of a search.
func (r *pop3Replies) body(p []byte) (rest []byte, complete bool) {
	for i, b := range p { // what began in the piece before
		if r.matched == 0 {
			break
		}
		switch b {
		case pop3End[r.matched]:
			r.matched++
		case '\n':
			r.matched = 1
		default:
			r.matched = 0
		}
		if r.matched == len(pop3End) {
			r.matched = 0
			return p[i+1:], true
		}
		if i == len(p)-1 {
			return nil, false
		}
	}
	if len(p) == 0 {
		return nil, false
	}
	if i := bytes.Index(p, pop3End); i >= 0 {
		return p[i+len(pop3End):], true
	}
	for n := len(pop3End) - 1; n > 0; n-- {
		if bytes.HasSuffix(p, pop3End[:n]) {
			r.matched = n
			break
		}
	}
	return nil, false
}
