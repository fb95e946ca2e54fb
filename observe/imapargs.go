package observe

import (
	"bytes"
	"encoding/base64"
	"strconv"
)

// cutSpace cuts a line at its first space.
func cutSpace(b []byte) (word, rest []byte) {
	word, rest, _ = bytes.Cut(b, []byte{' '})
	return word, rest
}

// literalAt reads the length of the literal that follows a line (RFC 9051 section
// 4.3, RFC 7888 section 4): "{5}", "{5+}" or "{5-}" at its end.
func literalAt(line []byte) (n uint64, waits, ok bool) {
	b, ok := bytes.CutSuffix(line[max(0, len(line)-maxLineTail):], []byte{'}'})
	if !ok {
		return 0, false, false
	}
	b = b[bytes.LastIndexByte(b, '{')+1:]
	waits = true
	if end := len(b) - 1; end >= 0 && (b[end] == '+' || b[end] == '-') {
		b, waits = b[:end], false
	}
	if len(b) == 0 || b[0] == '+' { // ParseUint refuses signs, but not for the reader to know
		return 0, false, false
	}
	n, err := strconv.ParseUint(string(b), 10, 63)
	if err != nil || len(b)+2 > len(line) || len(line) <= maxIMAPLine-maxLineTail && quoted(line) {
		return 0, false, false
	}
	return n, waits, true
}

// quoted reports whether a line ends inside a quoted string.
func quoted(line []byte) bool {
	inside := false
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '"':
			inside = !inside
		case line[i] == '\\' && inside:
			i++
		}
	}
	return inside
}

// astring reads the first argument of a command: an atom or a quoted string. A
// literal is to come.
func astring(args []byte) (value string, literal bool) {
	if len(args) == 0 {
		return "", false
	}
	switch args[0] {
	case '{':
		return "", true
	case '~':
		if len(args) > 1 && args[1] == '{' {
			return "", true
		}
	case '(': // the options of GETMETADATA (RFC 5464 section 4.2)
		if _, rest, ok := bytes.Cut(args, []byte(") ")); ok && len(rest) > 0 && rest[0] != '(' {
			return astring(rest)
		}
		return "", false
	case '"':
		return unquoted(args[1:]), false
	}
	atom, _ := cutSpace(args)
	return string(atom[:min(len(atom), maxIMAPArg)]), false
}

// maxIMAPArg is how much is kept of a name.
const maxIMAPArg = 1 << 10

func unquoted(b []byte) string {
	var out []byte
	for i := 0; i < len(b) && b[i] != '"' && len(out) < maxIMAPArg; i++ {
		if b[i] == '\\' && i+1 < len(b) {
			i++
		}
		out = append(out, b[i])
	}
	return string(out)
}

// plainUser reads who logs in from a response of SASL PLAIN (RFC 4616), "" for
// anything else. The password is wiped.
func plainUser(response []byte) string {
	var room [2 * maxIMAPArg]byte
	if base64.StdEncoding.DecodedLen(len(response)) > len(room) {
		return ""
	}
	defer clear(room[:])
	n, err := base64.StdEncoding.Decode(room[:], response)
	identity, rest, ok := bytes.Cut(room[:n], []byte{0})
	if err != nil || !ok {
		return ""
	}
	user, _, ok := bytes.Cut(rest, []byte{0})
	switch {
	case !ok:
		return ""
	case len(identity) > 0:
		return string(identity)
	}
	return string(user)
}
