package health

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxErrorText is how much of an error's text is shown, in bytes.
const maxErrorText = 256

// bounded makes text that strangers may have written fit to show. No step after the
// cut makes it longer again.
func bounded(s string) string {
	if len(s) > maxErrorText {
		end := maxErrorText
		for end > maxErrorText-utf8.UTFMax && !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end]
	}
	s = strings.ToValidUTF8(s, "?")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
