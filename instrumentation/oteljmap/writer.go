package oteljmap

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// writer sees what the handler answers. It holds nothing back.
type writer struct {
	http.ResponseWriter
	request  *request // nil for what is no API request
	body     *body    // the request's; nil for none
	status   int      // 0 until the header is written
	problem  bool     // the response is of problem details
	hijacked bool
}

// refused reports whether the response says that the request failed.
func (w *writer) refused() bool { return w.status >= http.StatusBadRequest || w.problem }

// judges reports whether the response says of the request's credentials that they are right or wrong.
// A server in trouble (RFC 9110 section 15.6), or one that limits requests (RFC 6585 section 4), may
// not have looked at them.
func (w *writer) judges() bool {
	return w.status < http.StatusInternalServerError && w.status != http.StatusTooManyRequests
}

// Unwrap is for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader writes the header.
func (w *writer) WriteHeader(status int) {
	if w.status == 0 && w.body != nil && w.body.tooLarge(status) {
		tellTooLarge(w.ResponseWriter)
	}
	w.ResponseWriter.WriteHeader(status)
	w.answers(status)
}

// Write writes to the body.
func (w *writer) Write(b []byte) (int, error) {
	w.answers(http.StatusOK)
	n, err := w.ResponseWriter.Write(b)
	if w.request != nil {
		w.request.wrote(b[:max(0, min(n, len(b)))])
	}
	return n, err
}

// WriteString is Write without a copy where the body is not read.
func (w *writer) WriteString(s string) (int, error) {
	w.answers(http.StatusOK)
	if w.reads() {
		return w.Write([]byte(s))
	}
	return io.WriteString(w.ResponseWriter, s)
}

func (w *writer) reads() bool { return w.request != nil && w.request.reading() }

// answers notes the status, and decides what the body is to be read as.
func (w *writer) answers(status int) {
	informational := status < http.StatusOK && status != http.StatusSwitchingProtocols
	if w.status != 0 || informational {
		return
	}
	w.status = status
	if w.request == nil {
		return
	}
	header := w.Header()
	media, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	media = strings.ToLower(strings.TrimSpace(media))
	w.problem = media == "application/problem+json"
	readable := media == "" || media == "application/json" || w.problem
	if encoding := header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		readable = false
	}
	if readable {
		w.request.expect(w.refused())
	}
}

// The following are for handlers that ask for them by type and not by
// [http.ResponseController]; where the server has none they say so.

// SetReadDeadline sets the deadline for reading the request.
func (w *writer) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(w.ResponseWriter).SetReadDeadline(t)
}

// SetWriteDeadline sets the deadline for writing the response.
func (w *writer) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(w.ResponseWriter).SetWriteDeadline(t)
}

// EnableFullDuplex lets the handler read and write at once.
func (w *writer) EnableFullDuplex() error {
	return http.NewResponseController(w.ResponseWriter).EnableFullDuplex()
}

// as returns the writer with the abilities of the one inside, no more and no
// less: a handler asks for them by type.
func (w *writer) as() http.ResponseWriter {
	_, flushes := w.ResponseWriter.(http.Flusher)
	_, hijacks := w.ResponseWriter.(http.Hijacker)
	_, readsFrom := w.ResponseWriter.(io.ReaderFrom)
	pusher, pushes := w.ResponseWriter.(http.Pusher)
	//nolint:staticcheck // frameworks still ask for what is deprecated
	notifier, notifies := w.ResponseWriter.(http.CloseNotifier)
	switch {
	case flushes && pushes && notifies: // HTTP/2
		return struct {
			*writer
			flusher
			http.Pusher
			closeNotifier
		}{w, flusher{w}, pusher, notifier}
	case flushes && hijacks && readsFrom && notifies: // HTTP/1
		return struct {
			*writer
			flusher
			hijacker
			readerFrom
			closeNotifier
		}{w, flusher{w}, hijacker{w}, readerFrom{w}, notifier}
	case flushes && pushes:
		return struct {
			*writer
			flusher
			http.Pusher
		}{w, flusher{w}, pusher}
	case flushes && hijacks && readsFrom:
		return struct {
			*writer
			flusher
			hijacker
			readerFrom
		}{w, flusher{w}, hijacker{w}, readerFrom{w}}
	case flushes && hijacks:
		return struct {
			*writer
			flusher
			hijacker
		}{w, flusher{w}, hijacker{w}}
	case flushes && readsFrom:
		return struct {
			*writer
			flusher
			readerFrom
		}{w, flusher{w}, readerFrom{w}}
	case hijacks && readsFrom:
		return struct {
			*writer
			hijacker
			readerFrom
		}{w, hijacker{w}, readerFrom{w}}
	case flushes:
		return struct {
			*writer
			flusher
		}{w, flusher{w}}
	case hijacks:
		return struct {
			*writer
			hijacker
		}{w, hijacker{w}}
	case readsFrom:
		return struct {
			*writer
			readerFrom
		}{w, readerFrom{w}}
	}
	return w
}

type closeNotifier interface{ CloseNotify() <-chan bool }

type flusher struct{ w *writer }

func (f flusher) Flush() { _ = f.FlushError() }

func (f flusher) FlushError() error {
	f.w.answers(http.StatusOK)
	return http.NewResponseController(f.w.ResponseWriter).Flush()
}

type hijacker struct{ w *writer }

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.w.ResponseWriter).Hijack()
	h.w.hijacked = h.w.hijacked || err == nil
	return conn, rw, err
}

type readerFrom struct{ w *writer }

// ReadFrom leaves the copying to the server, which may not need to see the
// bytes (sendfile), unless they are to be read.
func (r readerFrom) ReadFrom(src io.Reader) (int64, error) {
	r.w.answers(http.StatusOK)
	if inside, ok := r.w.ResponseWriter.(io.ReaderFrom); ok && !r.w.reads() {
		return inside.ReadFrom(src)
	}
	return io.Copy(struct{ io.Writer }{r.w}, src)
}
