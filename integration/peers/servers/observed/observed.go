// Package observed is what the servers of this module are given: a listener whose
// connections are followed, and counts to compare.
//
// OTELMAIL_IMPLICIT is a certificate's file, and its key's behind a comma: TLS then
// begins with the connection. Addresses are printed, a line each.
package observed

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/rusmes/otelmail/internal/counted"
	"github.com/rusmes/otelmail/observe"
)

var tel = start()

func start() *counted.Telemetry {
	tel, err := counted.New()
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("counts", l.Addr())
	go func() { log.Fatal(http.Serve(l, counts(tel))) }()
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
		return observe.SMTP(tel.Telemetry, conn), nil
	}
	return observe.POP3(tel.Telemetry, conn), nil
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

// counts shows all that was counted.
func counts(tel *counted.Telemetry) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		found, err := tel.Counts(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(found)
	}
}
