package demo

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxPOP3Line is the longest command in bytes, with its CRLF (RFC 2449 section 4).
const maxPOP3Line = 255

// errPOP3Line says that a line is longer than it may be. The next call goes on
// behind its end, so that the server can answer -ERR and go on.
var errPOP3Line = errors.New("read line: longer than allowed")

// pop3Lines reads lines in bounded memory, however long what is sent.
type pop3Lines struct {
	buffered *bufio.Reader
	line     []byte // what has come of a line that is not in one piece
	skipping bool   // the rest of a line that is too long is still to come
}

func newPOP3Lines(r io.Reader) *pop3Lines {
	return &pop3Lines{buffered: bufio.NewReaderSize(r, 2*maxPOP3Line)}
}

// sentAhead is the number of bytes that have been read beyond the line. If there
// are any when STLS is accepted, the client has sent commands ahead in
// plaintext, and they must not be run inside of TLS: close the connection.
func (r *pop3Lines) sentAhead() int { return r.buffered.Buffered() }

// next returns the next command without its line ending, LF or CRLF. It is valid
// until the next call. Errors are [errPOP3Line], [io.EOF] between two lines,
// [io.ErrUnexpectedEOF] inside of one, and those of the connection.
func (r *pop3Lines) next() ([]byte, error) {
	r.line = r.line[:0]
	for {
		piece, err := r.buffered.ReadSlice('\n')
		ended := err == nil
		switch {
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			if errors.Is(err, io.EOF) && (r.skipping || len(r.line)+len(piece) > 0) {
				return nil, io.ErrUnexpectedEOF
			}
			return nil, err
		case r.skipping:
			r.skipping = !ended
		case len(r.line)+len(piece) > maxPOP3Line:
			r.skipping = !ended
			return nil, errPOP3Line
		case ended && len(r.line) == 0:
			return withoutEnd(piece), nil
		default:
			if cap(r.line) < maxPOP3Line {
				r.line = append(make([]byte, 0, maxPOP3Line), r.line...)
			}
			r.line = append(r.line, piece...)
			if ended {
				return withoutEnd(r.line), nil
			}
		}
	}
}

func withoutEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
}
