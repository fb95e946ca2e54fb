package oteljmap

import "bytes"

// scanner reads, while the body of a JMAP request or response streams by, what
// was asked or answered: a list of invocations [name, arguments, call id] under
// one key of the outermost object (RFC 8620 sections 3.3 and 3.4), and of the
// arguments one property. Without a list it reads that property of the
// outermost object, for problem details (RFC 7807).
//
// It holds a few bounded strings and a depth, looks at each byte once, and
// accepts whatever comes: deep nesting is a number, and what is no JSON finds
// nonsense or nothing. Whether a body is valid is for the server to say.
type scanner struct {
	list     string // "methodCalls", "methodResponses", or "" for none
	property string // "accountId" or "type"

	// The invocation that next has found, valid until it is called again.
	name  []byte
	value []byte // of the property, "" if it is no string
	id    []byte
	nth   int // its place in the list, from 1

	depth   int
	inList  bool // from depth 2
	inCall  bool // from depth 3
	inArgs  bool // from depth 4
	element int  // of the invocation: 0 name, 1 arguments, 2 call id
	keyNext bool // the next string at depth 1 or 4 is a key
	wanted  bool // the key before was the one to look for
	done    bool
	found   bool

	key  []byte
	text decoder
	room [roomOfKey + roomOfName + roomOfValue + roomOfID]byte
}

// How many bytes of a string are kept. Keys and names that matter are shorter;
// ids of accounts and calls are not cut below RFC 8620's 255 (section 1.2).
const (
	roomOfKey   = 32
	roomOfName  = 64
	roomOfValue = 256
	roomOfID    = 256
)

func (s *scanner) init(list, property string) {
	*s = scanner{list: list, property: property}
	next := 0
	cut := func(n int) []byte { next += n; return s.room[next-n : next-n : next] }
	s.key, s.name, s.value, s.id = cut(roomOfKey), cut(roomOfName), cut(roomOfValue), cut(roomOfID)
}

// next reads b up to the end of an invocation, and returns how many bytes it
// has read and whether there was one. It may stop in the middle of anything,
// and goes on from there with the next bytes.
func (s *scanner) next(b []byte) (n int, found bool) {
	s.found = false
	for n < len(b) && !s.found {
		switch {
		case s.done:
			return len(b), false
		case s.text.open:
			n += s.text.read(b[n:])
			if !s.text.open {
				s.endString()
			}
		case s.depth > 4:
			n += s.skipDeep(b[n:])
		default:
			s.token(b[n])
			n++
		}
	}
	return n, s.found
}

// skipDeep reads b up to a string or the end of what is deeper than anything
// that matters, which is most of a response.
func (s *scanner) skipDeep(b []byte) int {
	for i, c := range b {
		switch c {
		case '"':
			s.text.begin(nil)
			return i + 1
		case '{', '[':
			s.depth++
		case '}', ']':
			if s.depth--; s.depth == 4 {
				return i + 1
			}
		}
	}
	return len(b)
}

func (s *scanner) token(c byte) {
	switch c {
	case '"':
		s.text.begin(s.target())
	case '{', '[':
		s.enter(c == '{')
	case '}', ']':
		s.leave()
	case ',':
		s.comma()
	case ':':
		s.keyNext = false
	case ' ', '\t', '\r', '\n':
	default: // numbers, true, false, null
		s.done = s.depth == 0
	}
}

// target returns where the string that begins goes, nil for nowhere.
func (s *scanner) target() *[]byte {
	switch {
	case s.depth == 0:
		s.done = true
	case s.depth == 1 && s.keyNext, s.inArgs && s.depth == 4 && s.keyNext:
		return &s.key
	case s.depth == 1 && s.wanted && s.list == "", s.inArgs && s.depth == 4 && s.wanted:
		return &s.value
	case s.inCall && s.depth == 3 && s.element == 0:
		return &s.name
	case s.inCall && s.depth == 3 && s.element == 2:
		return &s.id
	}
	return nil
}

func (s *scanner) endString() {
	if s.text.into != &s.key {
		return
	}
	looked := s.property
	if s.depth == 1 && s.list != "" {
		looked = s.list
	}
	s.wanted = string(s.key) == looked
}

func (s *scanner) enter(object bool) {
	s.depth++
	switch s.depth {
	case 1:
		s.done = !object
		s.keyNext = true
	case 2:
		s.inList = s.wanted && s.list != "" && !object
		s.nth = 0
	case 3:
		s.inCall = s.inList && !object
		if s.inCall {
			s.element = 0
			s.name, s.value, s.id = s.name[:0], s.value[:0], s.id[:0]
		}
	case 4:
		s.inArgs = s.inCall && s.element == 1 && object
		s.keyNext, s.wanted = true, false
	}
}

func (s *scanner) leave() {
	switch s.depth {
	case 0, 1:
		s.done = true
		return
	case 2:
		s.inList = false
	case 3:
		if s.inCall {
			s.inCall, s.found = false, true
			s.nth++
		}
	case 4:
		s.inArgs = false
	}
	s.depth--
}

func (s *scanner) comma() {
	switch s.depth {
	case 1, 4:
		s.keyNext, s.wanted = true, false
	case 3:
		s.element++
	}
}

// skipString returns how many bytes of b belong to a string that nobody wants,
// whether it ends in b, and whether b ends behind a backslash. It looks at no
// byte more than twice, whatever it holds.
func skipString(b []byte) (n int, ended, escaped bool) {
	for n < len(b) {
		quote := len(b)
		if i := bytes.IndexByte(b[n:], '"'); i >= 0 {
			quote = n + i
		}
		for n < quote {
			i := bytes.IndexByte(b[n:quote], '\\')
			if i < 0 {
				n = quote
				break
			}
			n += i + 2 // behind what is escaped: the quote perhaps
		}
		if n == quote && quote < len(b) {
			return quote + 1, true, false
		}
	}
	return len(b), false, n > len(b)
}
