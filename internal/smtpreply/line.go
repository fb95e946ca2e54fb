// Package smtpreply reads reply lines of SMTP and LMTP (RFC 5321 section 4.2).
package smtpreply

// Line is one line of a reply.
type Line[T string | []byte] struct {
	Code     int    // three digits; 0 for a number of another length
	Last     bool   // no further line of this reply follows
	Enhanced [3]int // RFC 2034 section 4; zero for none
	Text     T      // what follows the codes
}

// Parse reads a line without its line end. It reports false for one that does not
// begin with a number. The separator after the code may be missing, with the text
// (RFC 5321 section 4.2.1 asks clients to accept that).
func Parse[T string | []byte](line T) (l Line[T], ok bool) {
	n, rest := number(line, 9)
	digits := len(line) - len(rest)
	if digits == 0 || len(rest) > 0 && rest[0] != ' ' && rest[0] != '-' {
		return l, false
	}
	if digits == 3 {
		l.Code = n
	}
	l.Last = len(rest) == 0 || rest[0] == ' '
	if len(rest) > 0 {
		rest = rest[1:]
	}
	l.Enhanced, l.Text = Enhanced(rest)
	return l, true
}

// Enhanced reads the enhanced status code that text may begin with, and returns
// what follows it. Without one it returns text as it is.
func Enhanced[T string | []byte](text T) (code [3]int, rest T) {
	rest = text
	for i := range code {
		n, after := number(rest, 3)
		if len(after) == len(rest) {
			return [3]int{}, text
		}
		code[i], rest = n, after
		if i == len(code)-1 {
			break
		}
		if len(rest) == 0 || rest[0] != '.' {
			return [3]int{}, text
		}
		rest = rest[1:]
	}
	switch {
	case code[0] != 2 && code[0] != 4 && code[0] != 5, len(rest) > 0 && rest[0] != ' ':
		return [3]int{}, text
	case len(rest) > 0:
		rest = rest[1:]
	}
	return code, rest
}

// number reads at most so many digits.
func number[T string | []byte](s T, digits int) (n int, rest T) {
	i := 0
	for i < len(s) && i < digits && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + int(s[i]-'0')
		i++
	}
	return n, s[i:]
}
