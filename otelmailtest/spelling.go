package otelmailtest

import (
	"encoding/base64"
	"html"
	"strconv"
	"strings"
)

// spells reports whether a text has local in it in any spelling; plain is the text, and local
// has always been, as plainly has it.
func spells(text, plain, local string) bool {
	if strings.Contains(plain, local) {
		return true
	}
	// In base64 a text is spelt in one of three ways, by how much stands before it. The digits
	// at either end hold bits of what stands beside it.
	for before := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + local))
		core := encoded[(before*8+5)/6 : (before+len(local))*8/6]
		if strings.Contains(text, core) || strings.Contains(text, strings.NewReplacer("+", "-", "/", "_").Replace(core)) {
			return true
		}
	}
	return false
}

// plainly is a text without capitals, quotes, escapes and encodings.
func plainly(text string) string {
	for range 4 { // what is encoded in what is encoded
		text = strings.ReplaceAll(text, `"`, "")
		if !strings.ContainsAny(text, `%\&`) {
			break
		}
		text = unescape(html.UnescapeString(text))
	}
	return strings.ToLower(text)
}

// unescape replaces %40, \x40 and \u0040 by the character, and \@ by @.
func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		rest := text[i:]
		prefix, digits := "", 0
		switch {
		case strings.HasPrefix(rest, "%"):
			prefix, digits = "%", 2
		case strings.HasPrefix(rest, `\x`):
			prefix, digits = `\x`, 2
		case strings.HasPrefix(rest, `\u`):
			prefix, digits = `\u`, 4
		}
		if end := len(prefix) + digits; prefix != "" && len(rest) >= end {
			if code, err := strconv.ParseUint(rest[len(prefix):end], 16, 16); err == nil {
				if digits == 2 {
					out.WriteByte(byte(code))
				} else {
					out.WriteRune(rune(code))
				}
				i += end
				continue
			}
		}
		if text[i] != '\\' || i == len(text)-1 {
			out.WriteByte(text[i])
		}
		i++
	}
	return out.String()
}
