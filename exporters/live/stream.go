package live

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// viewers are who looks on. Each is sent the newest there is; what it is too slow for it
// misses.
type viewers struct {
	most   int
	mu     sync.Mutex
	all    map[chan []byte]struct{}
	closed chan struct{}
	once   sync.Once
	limit  time.Duration // for sending one message
}

func newViewers(most int) *viewers {
	return &viewers{most: most, all: map[chan []byte]struct{}{}, closed: make(chan struct{}), limit: 10 * time.Second}
}

// join returns nil where there are too many already.
func (v *viewers) join() chan []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.all) >= v.most {
		return nil
	}
	c := make(chan []byte, 1)
	v.all[c] = struct{}{}
	return c
}

func (v *viewers) leave(c chan []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.all, c)
}

// show writes the newest sample once for all, if there is anybody.
func (v *viewers) show(s *sampler) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.all) == 0 {
		return
	}
	message := s.message()
	for c := range v.all {
		select {
		case <-c: // not taken: it is too old now
		default:
		}
		c <- message
	}
}

func (v *viewers) close() { v.once.Do(func() { close(v.closed) }) }

// message is the newest sample as two server-sent events.
func (s *sampler) message() []byte {
	var b bytes.Buffer
	b.WriteString("event: status\ndata: ")
	b.Write(s.statusJSON())
	s.mu.Lock()
	newest, _ := s.history.hour.back(0)
	s.mu.Unlock()
	b.WriteString("\n\nevent: sample\ndata: ")
	b.Write(columns(1, []sample{newest}))
	b.WriteString("\n\n")
	return b.Bytes()
}

// stream sends the status each second until the viewer leaves or is too slow. What the
// server allows for one answer is too short for it, so it moves the deadline itself.
func (v *viewers) stream(s *sampler, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead { // it would look on without being sent anything
		return
	}
	c := v.join()
	if c == nil {
		unavailable(w, fmt.Sprintf("%d look on already, as many as may (live.WithMaxViewers): try again later, or ask for the status", v.most))
		return
	}
	defer v.leave(c)
	out := http.NewResponseController(w)
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold it back
	for message := s.message(); message != nil; message = v.next(r.Context(), c) {
		// Where it is not supported the server cuts the stream, and the browser comes again.
		_ = out.SetWriteDeadline(time.Now().Add(v.limit))
		if _, err := w.Write(message); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
	}
}

// next waits for the next message; it is nil at the end.
func (v *viewers) next(ctx context.Context, c chan []byte) []byte {
	select {
	case message := <-c:
		return message
	case <-v.closed:
	case <-ctx.Done():
	}
	return nil
}
