package otelmail

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// clean makes s valid UTF-8 of at most most bytes. Control characters and
// invalid bytes become U+FFFD, so that nothing a stranger sends can break a
// batch, a terminal or a page; a cut ends in "…".
func clean(s string, most int) string {
	if len(s) <= most && isClean(s) {
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
	end := max(min(most-len(cut), len(s)), 0)
	for end > 0 && end < len(s) && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + cut
}

// isClean reports whether s can stand as it is. Most text is ASCII, which needs
// no decoding.
func isClean(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || c < ' ' || c == 0x7f {
			return isCleanUnicode(s[i:])
		}
	}
	return true
}

func isCleanUnicode(s string) bool {
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

// cleanDomain returns a domain in lower-case ASCII (IDNA, RFC 5890), or
// "_other" for whatever is no host name: an address literal, a stranger's bytes.
func cleanDomain(s string) string {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 4*maxDomain {
		return otherDomain
	}
	switch scanDomain(s) {
	case domainReady:
		return s
	case domainUpper:
		return strings.ToLower(s)
	case domainUnicode:
		// Invalid bytes are refused first: ToASCII would encode their stand-in.
		if ascii, err := idna.Lookup.ToASCII(s); err == nil && utf8.ValidString(s) && scanDomain(ascii) == domainReady {
			return ascii
		}
	}
	return otherDomain
}

type domainForm uint8

const (
	domainBad domainForm = iota
	domainReady
	domainUpper
	domainUnicode
)

// scanDomain checks the form of a host name (RFC 1123 section 2.1, RFC 1035
// section 2.3.4) and says what is left to do. Underscores are let through: they
// exist in practice, though not at the start, where our own values stand.
func scanDomain(s string) domainForm {
	form, label := domainReady, 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			label++
		case 'A' <= c && c <= 'Z':
			label++
			form = domainUpper
		case c == '-' || c == '_':
			if label == 0 {
				return domainBad
			}
			label++
		case c == '.':
			if label == 0 || s[i-1] == '-' {
				return domainBad
			}
			label = 0
		case c >= utf8.RuneSelf:
			return domainUnicode
		default:
			return domainBad
		}
		if label > 63 {
			return domainBad
		}
	}
	if len(s) > maxDomain || label == 0 || s[len(s)-1] == '-' {
		return domainBad
	}
	return form
}

// domainOf returns the domain of an address, cleaned; "_other" where there is
// none. A source route (RFC 5321 section 4.1.2) precedes the last "@" too.
func domainOf(address string) string {
	address = trimAngles(address)
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return otherDomain
	}
	return cleanDomain(address[at+1:])
}

// canonicalAddress is what addresses are hashed as: the domain in lower case,
// because it is (RFC 5321 section 2.4), and the local part in lower case too,
// because in practice one person is meant.
func canonicalAddress(address string) string {
	address = trimAngles(address)
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		if domain := cleanDomain(address[at+1:]); domain != otherDomain {
			return strings.ToLower(address[:at]) + "@" + domain
		}
	}
	return strings.ToLower(address)
}

func trimAngles(s string) string {
	if len(s) >= 2 && s[0] == '<' && s[len(s)-1] == '>' {
		return s[1 : len(s)-1]
	}
	return s
}
