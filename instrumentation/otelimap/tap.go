package otelimap

import (
	"io"
	"runtime"
	"sync/atomic"
)

// tap is the debug writer of a connection: imapserver gives it, in plaintext, what it
// has read and what it has written.
type tap struct {
	*connection
	also io.Writer // the application's own
	// Where io calls from when it has read or written, as far as that is known.
	reads, writes atomic.Uintptr
}

func (t *tap) Write(b []byte) (int, error) {
	d := t.dialogue.Load()
	if !t.shaken.Load() && (t.implicit || d.Sealed()) {
		if tc := t.secure(); tc != nil { // its handshake is over, or there would be no plaintext
			t.handshake(d, tc)
		}
	}
	if t.fromClient() {
		d.FromClient(b)
	} else {
		d.FromServer(b)
		t.answered(d)
	}
	if t.also != nil {
		return t.also.Write(b)
	}
	return len(b), nil
}

// fromClient tells what has been read from what has been written. Both come by the
// same writer, and IDLE writes while the client is read: only who calls is certain.
func (t *tap) fromClient() bool {
	var caller [1]uintptr
	runtime.Callers(3, caller[:])
	switch caller[0] {
	case t.reads.Load():
		return true
	case t.writes.Load():
		return false
	}
	frame, _ := runtime.CallersFrames(caller[:]).Next()
	if frame.Function == "io.(*teeReader).Read" {
		t.reads.Store(caller[0])
		return true
	}
	t.writes.Store(caller[0])
	return false
}
