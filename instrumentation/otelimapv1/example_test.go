package otelimapv1_test

import (
	"context"
	"log"

	"github.com/emersion/go-imap/backend/memory"
	"github.com/emersion/go-imap/server"

	"github.com/rusmes/otelmail"
	"github.com/rusmes/otelmail/instrumentation/otelimapv1"
)

func ExampleExtension() {
	backend, tel := memory.New(), otelmail.Noop()

	s := server.New(backend)
	s.Enable(otelimapv1.Extension(tel))

	s.Addr = ":143"
	log.Print(s.ListenAndServe())
}

// A handler of an extension of the application's own works under the command's span.
func ExampleContext() {
	handle := func(conn server.Conn, work func(context.Context)) { work(otelimapv1.Context(conn)) }
	_ = handle
}
