// Package tracefield takes trace context out of a message's header: the fields
// Traceparent and Tracestate (W3C Trace Context).
package tracefield

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// MaxState bounds a Tracestate field (W3C Trace Context section 3.3.1.5).
const MaxState = 512

// Reader passes a message on without its Traceparent and Tracestate header
// fields, folded ones included, and remembers what they said. It holds one
// buffer, however long a line or a header is.
type Reader struct {
	from    *bufio.Reader
	ready   []byte // of from's buffer: to be handed out before the next read
	err     error
	inBody  bool
	midLine bool          // the next bytes continue a line longer than the buffer
	taking  *bytes.Buffer // the field being removed, nil outside of one
	parent  bytes.Buffer
	state   bytes.Buffer
	parents int
}

// NewReader returns a Reader of the message that r reads.
func NewReader(r io.Reader) *Reader { return &Reader{from: bufio.NewReader(r)} }

// Read implements [io.Reader].
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.ready) == 0 {
		if r.inBody {
			return r.from.Read(p)
		}
		if r.err != nil {
			return 0, r.err
		}
		r.next()
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

// next reads a line of the header, or a part of a long one.
func (r *Reader) next() {
	line, err := r.from.ReadSlice('\n')
	whole := err == nil
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		r.err = err
	}
	start := !r.midLine
	r.midLine = !whole
	if start {
		r.begin(line)
	}
	if r.taking != nil {
		// What is longer than any valid value is cut, which makes it invalid.
		r.taking.Write(line[:min(len(line), max(0, MaxState+64-r.taking.Len()))])
		return
	}
	r.ready = line
}

// begin looks at the start of a line.
func (r *Reader) begin(line []byte) {
	switch {
	case len(bytes.TrimRight(line, "\r\n")) == 0:
		r.inBody, r.taking = len(line) > 0, nil
	case line[0] == ' ' || line[0] == '\t':
		// A folded line belongs to the field before it (RFC 5322 section 2.2.3).
	default:
		r.taking = nil
		switch {
		case isField(line, "traceparent"):
			r.parents++
			r.taking = &r.parent
		case isField(line, "tracestate"):
			r.taking = &r.state
		}
	}
}

// isField reports whether a line begins the named field. Spaces before the
// colon are obsolete syntax, which receivers still accept (RFC 5322 section 4.5).
func isField(line []byte, name string) bool {
	before, _, ok := bytes.Cut(line, []byte(":"))
	return ok && strings.EqualFold(string(bytes.TrimRight(before, " \t")), name)
}

// Values are what the fields of the header read so far said; nothing if there was
// more than one Traceparent.
func (r *Reader) Values() (parent, state string) {
	if r.parents != 1 {
		return "", ""
	}
	return fieldValue(r.parent.String()), fieldValue(r.state.String())
}

func fieldValue(field string) string {
	_, value, _ := strings.Cut(field, ":")
	return strings.TrimSpace(strings.NewReplacer("\r", "", "\n", "").Replace(value))
}
