// Package clean makes fit to leave what strangers and applications put into
// telemetry. One string that is not UTF-8 makes a receiver refuse the whole batch
// that it is in, and fails every scrape; a few huge ones make a batch larger than a
// receiver takes.
//
// [Text] is for what a stranger chose; it shows on one line of a log or a page, so
// control characters go too. [Item] is for what an application set, which may have
// lines: a stack trace, for example.
package clean

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text makes s valid UTF-8 of at most most bytes. Control characters and
// invalid bytes become U+FFFD, so that nothing a stranger sends can break a
// batch, a terminal or a page; a cut ends in "…".
func Text(s string, most int) string {
	if len(s) <= most && IsText(s) {
		return s
	}
	const cut = "…"
	long := len(s) > most+utf8.UTFMax
	if long {
		s = s[:most+utf8.UTFMax] // the rest of a megabyte need not be looked at
	}
	s = strings.Map(func(r rune) rune { // an invalid byte arrives as U+FFFD
		if printable(r) {
			return r
		}
		return utf8.RuneError
	}, s)
	if len(s) <= most && !long {
		return s
	}
	return whole(s, max(most-len(cut), 0)) + cut
}

// IsText reports whether s can stand as it is, apart from its length. Most text is
// ASCII, which needs no decoding.
func IsText(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || c < ' ' || c == 0x7f {
			return isUnicodeText(s[i:])
		}
	}
	return true
}

func isUnicodeText(s string) bool {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size <= 1 {
				return false
			}
		} else if !printable(r) {
			return false
		}
	}
	return true
}

// printable refuses control and format characters: a right-to-left override in
// an address could make a log line read as something else.
func printable(r rune) bool {
	return !unicode.Is(unicode.C, r)
}
