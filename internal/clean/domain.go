package clean

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// OtherDomain stands for whatever is not a host name, and for domains not shown by name.
const OtherDomain = "_other"

// MaxDomain is the greatest length of a domain in bytes, without the final dot (RFC
// 1035 section 2.3.4).
const MaxDomain = 253

// Domain returns a domain in lower-case ASCII (IDNA, RFC 5890), or
// "_other" for whatever is not a host name: an address literal, a stranger's bytes.
func Domain(s string) string {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 4*MaxDomain {
		return OtherDomain
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
	return OtherDomain
}

type domainForm uint8

const (
	domainBad domainForm = iota
	domainReady
	domainUpper
	domainUnicode
)

// scanDomain checks the form of a host name (RFC 1123 section 2.1, RFC 1035
// section 2.3.4) and says what is left to do. Underscores are allowed, as they exist
// in practice, except at the start of a label: "_other" is ours.
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
	if len(s) > MaxDomain || label == 0 || s[len(s)-1] == '-' {
		return domainBad
	}
	return form
}

// DomainOf returns the domain of an address, cleaned; "_other" where there is
// none. A source route (RFC 5321 section 4.1.2) precedes the last "@" too.
func DomainOf(address string) string {
	address = trimAngles(address)
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return OtherDomain
	}
	return Domain(address[at+1:])
}

// Address is the form in which addresses are hashed: the domain in lower case,
// because case does not matter there (RFC 5321 section 2.4), and the local part in
// lower case too, because in practice one person is meant.
func Address(address string) string {
	address = trimAngles(address)
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		if domain := Domain(address[at+1:]); domain != OtherDomain {
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
