package otelsmtp

import (
	"bytes"

	"github.com/rusmes/otelmail"
)

// parseReply reads the last line of a reply (RFC 5321 section 4.2), with its
// enhanced status code if it has one.
func parseReply(line []byte) (otelmail.Reply, bool) {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' {
		return otelmail.Reply{}, false
	}
	code, rest := number(line[:3])
	if len(rest) > 0 || code < 200 || code > 599 {
		return otelmail.Reply{}, false
	}
	r := otelmail.Reply{Code: code}
	if len(line) > 4 {
		r.Enhanced = parseEnhanced(line[4:])
	}
	return r, true
}

// parseEnhanced reads "5.1.1" and what follows it, RFC 2034 section 4.
func parseEnhanced(text []byte) (e otelmail.EnhancedCode) {
	word, _, _ := bytes.Cut(text, []byte{' '})
	for i := range e {
		n, rest := number(word)
		last := i == len(e)-1
		if len(rest) == len(word) || last != (len(rest) == 0) || !last && rest[0] != '.' {
			return otelmail.EnhancedCode{}
		}
		e[i] = n
		if !last {
			word = rest[1:]
		}
	}
	return e
}

// number reads at most three digits.
func number(b []byte) (n int, rest []byte) {
	for len(b) > 0 && b[0] >= '0' && b[0] <= '9' && n < 100 {
		n = n*10 + int(b[0]-'0')
		b = b[1:]
	}
	return n, b
}
