package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// shutdown also closes a server that never began to serve because a later exporter failed.
func (s *Server) shutdown(ctx context.Context) error {
	s.mu.Lock()
	l, serving := s.listener, s.serving
	s.mu.Unlock()
	s.logins.close()
	return shutdown(ctx, l, s.http, &s.fresh, serving)
}

// shutdown accepts no new connection, lets requests under way end while ctx lasts,
// and then cuts them off. serving is nil where it never began.
func shutdown(ctx context.Context, l net.Listener, server *http.Server, fresh *freshConns, serving <-chan struct{}) error {
	// http.Server closes only a listener that it serves. Closing it twice does no
	// harm, and its error says nothing that could be acted on.
	_ = l.Close()
	fresh.close()
	err := server.Shutdown(ctx)
	if errors.Is(err, net.ErrClosed) {
		err = nil // of the listener: all requests have ended
	}
	if err != nil {
		_ = server.Close()
		err = fmt.Errorf("requests to %s were cut off: %w", l.Addr(), err)
	}
	if serving != nil {
		<-serving // the listener is closed, so Serve returns at once
	}
	return err
}
