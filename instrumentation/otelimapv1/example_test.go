package otelimapv1_test

import (
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
