package observe

import "bytes"

// smtpBody looks for the end of a message by DATA: a line with nothing but a dot
// (RFC 5321 section 4.5.2). Lines end with CRLF alone, and CR CR LF is no line end: a
// server that is more liberal shows by its reply that it has seen an end.
type smtpBody uint8

const (
	bodyNone   smtpBody = iota // no message is coming
	bodyLine                   // at the beginning of a line
	bodyMiddle                 // inside a line
	bodyCR                     // behind a CR
	bodyDot                    // behind a dot at the beginning of a line
	bodyDotCR                  // behind the CR after that
)

// bodyEnd is the length of the line with the dot, which is no part of the message.
const bodyEnd = int64(len(".\r\n"))

// skip returns what follows the message's end.
func (b *smtpBody) skip(p []byte) []byte {
	for i := 0; i < len(p); i++ {
		if *b == bodyMiddle {
			next := bytes.IndexByte(p[i:], '\r')
			if next < 0 {
				return nil
			}
			i += next
			if i+2 < len(p) && p[i+1] == '\n' && p[i+2] != '\r' && p[i+2] != '.' {
				i += 2 // as most lines end: already inside the next
				continue
			}
		}
		switch c := p[i]; {
		case *b == bodyDotCR && c == '\n':
			*b = bodyNone
			return p[i+1:]
		case *b == bodyCR && c == '\n':
			*b = bodyLine
		case *b == bodyLine && c == '.':
			*b = bodyDot
		case *b == bodyDot && c == '\r':
			*b = bodyDotCR
		case c == '\r' && (*b == bodyLine || *b == bodyMiddle):
			*b = bodyCR
		default:
			*b = bodyMiddle
		}
	}
	return nil
}
