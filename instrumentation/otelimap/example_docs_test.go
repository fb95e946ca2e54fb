package otelimap_test

import (
	"context"
	"log"
	"net"

	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelimap"
)

// What a program has, as the examples of the documentation take it.
var (
	tel      = otelmail.Noop()
	options  *imapserver.Options
	listener net.Listener
)

func ExampleNewServer() {
	server := otelimap.NewServer(tel, options) // what imapserver.New takes
	server.Serve(listener)                     // any listener; for implicit TLS tls.NewListener(l, config)
}

// On a port, in plaintext with STARTTLS; ListenAndServeTLS with implicit TLS.
func ExampleServer_ListenAndServe() {
	log.Print(otelimap.NewServer(tel, options).ListenAndServe(":143"))
}

func ExampleServer_ListenAndServeTLS() {
	log.Print(otelimap.NewServer(tel, options).ListenAndServeTLS(":993"))
}

// A backend's own work becomes a child of the command in progress.
func ExampleContext() {
	var store func(context.Context)
	newSession := func(conn *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
		store(otelimap.Context(conn))
		return nil, nil, nil
	}
	_ = imapserver.Options{NewSession: newSession}
}
