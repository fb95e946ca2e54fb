package otelsmtp

import (
	"crypto/tls"
	"io"
	"runtime"

	"github.com/rusmes/otelmail/observe"
)

// tap is given to go-smtp as Server.Debug: the one writer to which it shows what it
// reads, by an io.TeeReader, and what it has written, by an io.MultiWriter. The two
// are told apart by the buffers of go-smtp's bufio.Reader and Writer, each of which
// every slice of its own ends in. Long lines and chunks pass these by: then the stack
// tells who calls.
type tap struct {
	dialogue *observe.SMTPDialogue
	next     io.Writer // the application's own, or nil
	secure   *tls.Conn // of implicit TLS, until its state has been told
	// client and server are the last bytes of the two buffers.
	client, server *byte
}

// Write takes what go-smtp has read or written.
func (t *tap) Write(p []byte) (int, error) {
	if t.secure != nil { // the greeting: the handshake is over
		t.dialogue.Upgrade(t.secure.ConnectionState())
		t.secure = nil
	}
	if len(p) > 0 {
		if t.fromClient(p) {
			t.dialogue.FromClient(p)
		} else {
			t.dialogue.FromServer(p)
		}
	}
	if t.next != nil {
		return t.next.Write(p)
	}
	return len(p), nil
}

func (t *tap) fromClient(p []byte) bool {
	whole := p[:cap(p)]
	buffer := &whole[len(whole)-1]
	switch buffer {
	case t.client:
		return true
	case t.server:
		return false
	}
	read := calledByReader()
	switch {
	case read && t.client == nil: // the first line, which is read by the buffer
		t.client = buffer
	case !read && t.server == nil:
		t.server = buffer
	}
	return read
}

// calledByReader reports that the tap is called by an io.TeeReader.
func calledByReader() bool {
	var pcs [4]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs[:])])
	for {
		frame, more := frames.Next()
		switch frame.Function {
		case "io.(*teeReader).Read":
			return true
		case "io.(*multiWriter).Write":
			return false
		}
		if !more {
			return false
		}
	}
}
