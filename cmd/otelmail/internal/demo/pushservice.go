package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// pushService stands in for the push service of a phone's maker (RFC 8030). It
// carries no telemetry: it is not our server. Most notifications are taken; of
// each ten
//
//	the 4th   503 the first time, and taken the second time
//	the 7th   503 both times
//	the 10th  410: the subscription is gone
type pushService struct {
	address string
	http    *http.Server
	loop    sync.WaitGroup

	mu            sync.Mutex
	subscriptions map[string]*subscription // by the secret part of their URL
}

type subscription struct {
	attempt int // how often it was pushed to; attempts come one after the other
}

func startPushService(log *slog.Logger) (*pushService, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the push service: %w", err)
	}
	s := &pushService{address: l.Addr().String(), subscriptions: map[string]*subscription{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /subscribe", s.subscribe)
	mux.HandleFunc("POST /push/{secret}", s.push)
	s.http = &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	s.loop.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the push service has stopped", "error", err)
		}
	})
	return s, nil
}

// stop implements [server].
func (s *pushService) stop(ctx context.Context) {
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	s.loop.Wait()
}

// subscribe makes a subscription (RFC 8030 section 4).
func (s *pushService) subscribe(w http.ResponseWriter, _ *http.Request) {
	secret := rand.Text()
	s.mu.Lock()
	clear(s.subscriptions) // there is one phone
	s.subscriptions[secret] = &subscription{}
	s.mu.Unlock()
	w.Header().Set("Link", `</push/`+secret+`>; rel="urn:ietf:params:push"`)
	w.WriteHeader(http.StatusCreated)
}

func (s *pushService) push(w http.ResponseWriter, r *http.Request) {
	status := s.judge(r.PathValue("secret"))
	if status == http.StatusCreated {
		w.Header().Set("Location", "/message/"+rand.Text())
	}
	w.WriteHeader(status)
}

func (s *pushService) judge(secret string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	to, ok := s.subscriptions[secret]
	if !ok {
		return http.StatusNotFound
	}
	to.attempt++
	switch to.attempt % 12 { // two of ten notifications come twice
	case 4, 8, 9:
		return http.StatusServiceUnavailable
	case 0:
		delete(s.subscriptions, secret)
		return http.StatusGone
	}
	return http.StatusCreated
}
