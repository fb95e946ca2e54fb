package prometheus

import (
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/rusmes/otelmail/export"
	"github.com/rusmes/otelmail/internal/settings"
)

// frontPage answers "/" and what nothing else answers: with links to the rest, or with the
// page of another exporter, which has them too.
type frontPage struct {
	links   []string
	handler http.Handler
}

func newFrontPage(links []string) *frontPage {
	var page strings.Builder
	page.WriteString("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Mail server telemetry</title></head>\n" +
		"<body><h1>Mail server telemetry</h1>\n<ul>\n")
	for _, path := range links {
		path = html.EscapeString(path)
		fmt.Fprintf(&page, "<li><a href=\"%s\">%s</a></li>\n", path, path)
	}
	page.WriteString("</ul></body></html>\n")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, page.String())
	})
	return &frontPage{links, mux}
}

func (f *frontPage) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.handler.ServeHTTP(w, r) }

// show puts another exporter's page in front, before any request is answered. Where nobody
// has to log in it is for this machine alone.
func (s *Server) show(page export.Page, bind bindAddress, c *serverConfig) error {
	switch {
	case s.listener == nil: // the operator wants no server, or an error is told already
		return nil
	case s.front == nil:
		return fmt.Errorf("prometheus: %s: the page has no place: want the metrics at another path than \"/\"", page.Name)
	case s.shown:
		return fmt.Errorf("prometheus: %s: the page has no place: want one page alone", page.Name)
	case !s.closed(c) && !isLocal(s.listener.Addr()):
		return fmt.Errorf("prometheus: %s: strangers would see the page on %s: want a password or a client certificate for it, "+
			"with WithBasicAuth or WithWebConfigFile, or an address of this machine alone, such as 127.0.0.1:9090, "+
			"with WithAddress or %s", page.Name, bind.address, settings.MetricsBindAddress.Name())
	}
	h, err := page.Handler(s.front.links)
	if err != nil {
		return err
	}
	if !s.closed(c) {
		h = namedLocally(h)
	}
	s.front.handler, s.shown = s.protect(h), true
	return nil
}

// isLocal reports whether none but this machine's users reach an address. That is no login:
// where users are configured, they log in there too.
func isLocal(a net.Addr) bool {
	if a.Network() == "unix" {
		return true
	}
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

const foreignName = "this page is for this machine alone, by its address or as localhost: for others it wants a password, " +
	"see WithBasicAuth and WithWebConfigFile of exporters/prometheus"

// namedLocally refuses requests that name another host: those of a stranger's page in a
// browser on this machine, whose name leads here (DNS rebinding), and those that a proxy
// passes on to the world.
func namedLocally(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		address, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if host != "localhost" && (err != nil || !address.IsLoopback()) {
			http.Error(w, foreignName, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
