package otelpop3

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// The longest lines, in bytes with their CRLF.
const (
	// MaxCommand is the longest command (RFC 2449 section 4).
	MaxCommand = 255
	// MaxResponse is the longest answer to a challenge of AUTH: such lines are
	// not bound to that of commands (RFC 5034 section 4). The number is that of
	// SMTP (RFC 4954 section 4.3).
	MaxResponse = 12288
)

// ErrTooLong says that a line is longer than it may be. The next call goes on
// behind its end, so a server can answer -ERR and go on.
var ErrTooLong = errors.New("otelpop3: read line: longer than allowed")

// Reader reads lines in bounded memory, however long what is sent.
type Reader struct {
	buffered *bufio.Reader
	line     []byte // what has come of a line that is not in one piece
	skipping bool   // the rest of a line that is too long is still to come
}

// NewReader returns a reader of the lines of r.
func NewReader(r io.Reader) *Reader {
	return &Reader{buffered: bufio.NewReaderSize(r, 2*MaxCommand)}
}

// ReadLine returns the next command without its line ending, LF or CRLF. It is
// valid until the next call. Errors are [ErrTooLong], [io.EOF] between two
// lines, [io.ErrUnexpectedEOF] inside of one, and those of the connection.
func (r *Reader) ReadLine() ([]byte, error) { return r.read(MaxCommand) }

// ReadResponse is ReadLine for the answer to a challenge of AUTH.
func (r *Reader) ReadResponse() ([]byte, error) { return r.read(MaxResponse) }

// Buffered is the number of bytes that have been read beyond the line. If there
// are any when STLS is accepted, the client has sent commands ahead in
// plaintext, and they must not be run inside of TLS: close the connection.
func (r *Reader) Buffered() int { return r.buffered.Buffered() }

func (r *Reader) read(limit int) ([]byte, error) {
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
		case len(r.line)+len(piece) > limit:
			r.skipping = !ended
			return nil, ErrTooLong
		case ended && len(r.line) == 0:
			return withoutEnd(piece), nil
		default:
			if cap(r.line) < limit {
				r.line = append(make([]byte, 0, limit), r.line...)
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
