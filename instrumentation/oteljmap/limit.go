package oteljmap

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// [http.MaxBytesReader] tells net/http's own ResponseWriter, and no other, that the body
// is too large: the answer then does not wait for the rest of the body, and the connection
// is closed after it. The handler gives it ours, which cannot have that method. So it is
// seen from the body that a limit was reached, and net/http's writer is told when the
// handler refuses the request.

// body is a request's body as the handler reads it.
type body struct {
	io.ReadCloser
	request *request // nil: the body is not looked at
	left    int64    // of the declared length, unless that is negative
	state   atomic.Uint32
}

// What the last Read of a body has shown.
const (
	unread  uint32 = iota
	begun          // there may be more
	limited        // it filled a buffer that was cut short, as a limit cuts it
	ended
)

// Read reads from the body.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	read := max(0, min(n, len(p)))
	if b.left >= 0 {
		b.left = max(0, b.left-int64(read))
	}
	switch {
	case err != nil || b.left == 0:
		b.state.Store(ended)
	case read == len(p) && len(p) < cap(p):
		b.state.Store(limited)
	default:
		b.state.Store(begun)
	}
	if b.request != nil {
		b.request.read(p[:read])
	}
	return n, err
}

// tooLarge reports whether a handler that answers with status does so because the body is
// larger than it may be, and part of it is still to come.
func (b *body) tooLarge(status int) bool {
	state := b.state.Load()
	return state == limited && status >= http.StatusBadRequest ||
		state == begun && status == http.StatusRequestEntityTooLarge
}

// tellTooLarge has net/http's reader tell w, in the only way that there is.
func tellTooLarge(w http.ResponseWriter) {
	one := io.NopCloser(strings.NewReader("1"))
	_, _ = http.MaxBytesReader(w, one, 0).Read(make([]byte, 1)) // the error is the point
}
