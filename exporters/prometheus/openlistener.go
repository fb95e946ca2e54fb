package prometheus

import (
	"crypto/tls"
	"fmt"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/internal/settings"
)

// warnIfOpen says that strangers can read the page, unless somebody has chosen the address:
// all interfaces may be what is meant, in a container for example.
func (s *Server) warnIfOpen(bind bindAddress, c *serverConfig, p export.Pipeline) {
	if bind.hostChosen || s.closed(c) || p.Disabled() {
		return
	}
	p.HandleError(fmt.Errorf("prometheus: everybody who reaches %s can read the metrics, the names of recipient domains among them: "+
		"listen where strangers do not come, with WithAddress or %s (127.0.0.1:9090, or 0.0.0.0:9090 if that is meant), "+
		"or ask for a password or a client certificate, with WithBasicAuth or WithWebConfigFile", bind.address, settings.MetricsBindAddress.Name()))
}

// closed reports whether nobody gets in without a password or a client certificate that was
// verified.
func (s *Server) closed(c *serverConfig) bool {
	w := s.web.settings()
	return c.users != nil || len(w.users) > 0 || w.tls != nil && w.tls.ClientAuth == tls.RequireAndVerifyClientCert
}
