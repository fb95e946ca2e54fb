// Package observed is what the servers of this module are given: a listener whose
// connections are followed, and counts to compare.
//
// OTELMAIL_IMPLICIT is a certificate's file, and its key's behind a comma: TLS then
// begins with the connection. Addresses are printed, a line each.
package observed

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/observe"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

var (
	reader = sdkmetric.NewManualReader()
	ended  = &spans{counts: map[string]int64{}}
	tel    = start()
)

func start() *otelmail.Telemetry {
	tel, err := otelmail.New(
		otelmail.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))),
		otelmail.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(ended))))
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("counts", l.Addr())
	go func() { log.Fatal(http.Serve(l, http.HandlerFunc(counts))) }()
	return tel
}

// Listener is l with its connections followed.
func Listener(protocol string, l net.Listener) net.Listener {
	fmt.Println(protocol, l.Addr())
	if files := os.Getenv("OTELMAIL_IMPLICIT"); files != "" {
		certificate, key, _ := strings.Cut(files, ",")
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			log.Fatal(err)
		}
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	return listener{l, protocol}
}

type listener struct {
	net.Listener
	protocol string
}

func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	switch {
	case err != nil:
		return nil, err
	case l.protocol == "smtp":
		return observe.SMTP(tel, conn), nil
	}
	return observe.POP3(tel, conn), nil
}

// Upgrade is what a server goes on with after STARTTLS or STLS.
func Upgrade(conn net.Conn, secure *tls.Conn) net.Conn {
	switch conn := conn.(type) {
	case *observe.SMTPConn:
		return conn.Upgrade(secure)
	case *observe.POP3Conn:
		return conn.Upgrade(secure)
	}
	return secure
}

// counts shows all series and the spans of commands that have a reply.
func counts(w http.ResponseWriter, r *http.Request) {
	var all metricdata.ResourceMetrics
	if err := reader.Collect(r.Context(), &all); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	found := ended.all()
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					found[key(m.Name, p.Attributes)] = p.Value
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					found[key(m.Name, p.Attributes)] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					found[key(m.Name, p.Attributes)] = int64(p.Count)
				}
			}
		}
	}
	_ = json.NewEncoder(w).Encode(found)
}

func key(name string, labels attribute.Set) string {
	name = strings.TrimPrefix(name, "rusmes_")
	for _, label := range labels.ToSlice() {
		name += "/" + label.Value.String()
	}
	return name
}

// spans counts sessions, and commands by their reply.
type spans struct {
	mu     sync.Mutex
	counts map[string]int64
}

func (s *spans) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (s *spans) Shutdown(context.Context) error                  { return nil }
func (s *spans) ForceFlush(context.Context) error                { return nil }

func (s *spans) OnEnd(span sdktrace.ReadOnlySpan) {
	name, replied := "span "+span.Name(), strings.HasSuffix(span.Name(), " session")
	for _, kv := range span.Attributes() {
		switch kv.Key {
		case "pop3.response.status", "smtp.response.status_code":
			name += " " + kv.Value.String()
			replied = true
		}
	}
	for _, kv := range span.Attributes() {
		if broken := kv.Key == "error.type" && kv.Value.String() != "err"; broken && strings.HasPrefix(span.Name(), "POP3 ") &&
			!strings.HasSuffix(span.Name(), " session") {
			return // no reply
		}
	}
	if replied {
		s.mu.Lock()
		s.counts[name]++
		s.mu.Unlock()
	}
}

func (s *spans) all() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}
