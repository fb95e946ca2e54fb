package prometheus

import (
	"net/http"
	"strconv"
	"time"
)

// send writes the page within the limit. Errors are the client's: it has gone,
// or reads too slowly.
func (p *page) send(w http.ResponseWriter, limit time.Duration) {
	header := w.Header()
	header.Set("Content-Type", string(p.format))
	header.Set("Content-Length", strconv.Itoa(p.body.Len()))
	header.Add("Vary", "Accept, Accept-Encoding")
	if p.gzip {
		header.Set("Content-Encoding", "gzip")
	}
	// Where the ResponseWriter knows no deadlines, the server's own must do.
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(limit))
	if _, err := w.Write(p.body.Bytes()); err != nil {
		return
	}
	// All is sent under the deadline, which then must not hit the connection's
	// next request: a server without a WriteTimeout would not reset it.
	if control.Flush() == nil {
		_ = control.SetWriteDeadline(time.Time{})
	}
}
