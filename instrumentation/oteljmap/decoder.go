package oteljmap

import (
	"unicode/utf16"
	"unicode/utf8"
)

// decoder reads a JSON string, of which it may get one byte at a time, into a
// slice that it fills up to its capacity and never grows.
type decoder struct {
	open bool
	into *[]byte // nil: nobody wants it

	state escape
	code  rune // the digits of \u so far
	high  rune // the first half of a pair of surrogates, 0 for none
}

type escape uint8

const (
	plain     escape = iota
	backslash        // behind a backslash
	digit1           // of \u, the next is the first digit …
	digit4    = digit1 + 3
)

func (d *decoder) begin(into *[]byte) {
	*d = decoder{open: true, into: into}
	if into != nil {
		*into = (*into)[:0]
	}
}

// read reads b up to the end of the string, and returns how much that was.
func (d *decoder) read(b []byte) (n int) {
	if d.into == nil {
		return d.skip(b)
	}
	for n < len(b) && d.open {
		d.take(b[n])
		n++
	}
	return n
}

func (d *decoder) skip(b []byte) int {
	start := 0
	if d.state == backslash {
		start = 1
	}
	n, ended, escaped := skipString(b[start:])
	d.open, d.state = !ended, plain
	if escaped {
		d.state = backslash
	}
	return start + n
}

func (d *decoder) take(c byte) {
	switch {
	case d.state == backslash && c == 'u':
		d.state, d.code = digit1, 0
	case d.state == backslash:
		d.state = plain
		d.add(unescaped(c))
	case d.state >= digit1:
		d.code = d.code<<4 | hex(c)
		d.state++
		if d.state > digit4 {
			d.state = plain
			d.unit(d.code)
		}
	case c == '\\':
		d.state = backslash
	case c == '"':
		d.half()
		d.open = false
	default:
		d.add(c)
	}
}

// add adds a byte.
func (d *decoder) add(c byte) {
	d.half()
	if len(*d.into) < cap(*d.into) {
		*d.into = append(*d.into, c)
	}
}

// unit adds a code unit of UTF-16, which may be half of a character.
func (d *decoder) unit(r rune) {
	if d.high != 0 {
		if pair := utf16.DecodeRune(d.high, r); pair != utf8.RuneError {
			d.high = 0
			d.addRune(pair)
			return
		}
		d.half()
	}
	if utf16.IsSurrogate(r) && r < 0xdc00 {
		d.high = r
		return
	}
	d.addRune(r)
}

// half gives up on the other half of a character.
func (d *decoder) half() {
	if d.high != 0 {
		d.high = 0
		d.addRune(utf8.RuneError)
	}
}

func (d *decoder) addRune(r rune) {
	var b [utf8.UTFMax]byte
	for _, c := range b[:utf8.EncodeRune(b[:], r)] { // of half a pair, U+FFFD
		d.add(c)
	}
}

func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// hex is the value of a hexadecimal digit, 0 for what is none.
func hex(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c && c <= 'f':
		return rune(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return rune(c-'A') + 10
	}
	return 0
}
