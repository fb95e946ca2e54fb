package prometheus

import (
	"net/http"
	"strconv"
	"time"
)

// send writes the page within the limit. Errors are ignored, because the client
// causes them: it has gone, or reads too slowly.
func (p *page) send(w http.ResponseWriter, limit time.Duration) {
	header := w.Header()
	header.Set("Content-Type", string(p.format))
	header.Set("Content-Length", strconv.Itoa(p.body.Len()))
	header.Add("Vary", "Accept, Accept-Encoding")
	if p.gzip {
		header.Set("Content-Encoding", "gzip")
	}
	// Where the ResponseWriter has no deadlines, the server's own must suffice.
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(limit))
	if _, err := w.Write(p.body.Bytes()); err != nil {
		return
	}
	// Everything is sent by now. The deadline must not apply to the connection's next
	// request: a server without a WriteTimeout would not reset it.
	if control.Flush() == nil {
		_ = control.SetWriteDeadline(time.Time{})
	}
}
