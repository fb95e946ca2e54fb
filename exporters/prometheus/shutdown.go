package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// shutdown accepts no new connection, lets requests under way end while ctx lasts,
// and then cuts them off. It also closes a server that never began to serve because
// a later exporter failed.
func (s *Server) shutdown(ctx context.Context) error {
	s.mu.Lock()
	l, serving := s.listener, s.serving
	s.mu.Unlock()
	// http.Server closes only a listener that it serves. Closing it twice does no
	// harm, and its error says nothing that could be acted on.
	_ = l.Close()
	s.fresh.close()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, net.ErrClosed) {
		err = nil // of the listener: all requests have ended
	}
	if err != nil {
		_ = s.http.Close()
		err = fmt.Errorf("requests to %s were cut off: %w", l.Addr(), err)
	}
	if serving != nil {
		<-serving // the listener is closed, so Serve returns at once
	}
	return err
}
