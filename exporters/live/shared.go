package live

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/rusmes/otelmail/internal/contain"
)

// shared makes an answer once for all who ask for it at a time, and keeps it compressed for who
// asks next: many look at one page.
type shared struct {
	flight singleflight.Group
	mu     sync.Mutex
	kept   map[string][]byte
}

const mostKept = 8

func newShared() *shared { return &shared{kept: map[string][]byte{}} }

// serve answers with what is kept under a key, which is another once the answer would be; else
// with what answer makes.
func (s *shared) serve(w http.ResponseWriter, r *http.Request, key string, answer func() ([]byte, error)) {
	s.mu.Lock()
	body := s.kept[key]
	s.mu.Unlock()
	if body == nil {
		var err error
		if body, err = s.made(r.Context(), key, answer); err != nil {
			refused(w, err)
			return
		}
	}
	h := w.Header()
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", jsonType)
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		_, _ = w.Write(body) // the client has left, if it fails
		return
	}
	if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil { // it is our own
		var plain bytes.Buffer
		_, _ = plain.ReadFrom(z)
		_, _ = w.Write(plain.Bytes())
	}
}

func (s *shared) made(ctx context.Context, key string, answer func() ([]byte, error)) ([]byte, error) {
	done := s.flight.DoChan(key, func() (any, error) {
		var body []byte
		var err error
		if wrong := contain.Call(func() { body, err = answer() }); wrong != nil || err != nil {
			return nil, errors.Join(wrong, err)
		}
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // the level is a valid one
		_, _ = z.Write(body)
		_ = z.Close() // a buffer takes all
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.kept) >= mostKept {
			clear(s.kept)
		}
		s.kept[key] = b.Bytes()
		return b.Bytes(), nil
	})
	select {
	case made := <-done:
		if made.Err != nil {
			return nil, made.Err
		}
		return made.Val.([]byte), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
